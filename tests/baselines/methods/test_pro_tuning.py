"""Prompt blocks add to patch tokens only, between blocks."""

import torch

from lpt.baselines.methods.pro_tuning import PromptedMaps, ProOptions

from ..tiny import class_token, disturb


def test_pro_tuning_adds_prompts_to_patch_tokens_between_blocks(backbone, images):
    encoder = PromptedMaps(backbone, ProOptions(channels=3, kernel=3))
    disturb(encoder)
    tokens = backbone.embed(images)
    for block, prompt in zip(backbone.blocks, [*encoder.prompts, None], strict=True):
        tokens = block(tokens)
        if prompt is not None:
            maps = torch.stack([tokens[:, 1 + i] for i in range(4)], -1).view(4, 16, 2, 2)
            made = prompt(maps)
            added = [made[:, :, i // 2, i % 2] for i in range(4)]
            tokens = torch.cat([tokens[:, :1], tokens[:, 1:] + torch.stack(added, 1)], 1)
    torch.testing.assert_close(encoder(images), class_token(backbone, tokens), atol=1e-5, rtol=1e-4)
