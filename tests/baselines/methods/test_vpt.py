"""Deep prompts are phase 1 of LPT; shallow prompts are tokens of the first block."""

import copy

import torch
import torch.nn.functional as F

from lpt.backbones import FrozenViT
from lpt.baselines.methods.vpt import DeepPrompts, PromptOptions, ShallowPrompts
from lpt.model.prompt_shape import PromptShape
from lpt.model.two_pass import LongTailedPromptModel

from ..tiny import class_token


def test_deep_prompts_are_phase_one(backbone, images):
    encoder = DeepPrompts(backbone, PromptOptions(prompt_length=2))
    model = LongTailedPromptModel(backbone, 3, PromptShape(2, None, 2, 2))
    model.shared = encoder.shared
    torch.testing.assert_close(encoder(images), model.phase1(images).query)


def test_shallow_prompts_are_no_patches(backbone, images):
    """Tokens of prompts do not enter the mean of the patch tokens."""
    both = FrozenViT(copy.deepcopy(backbone.model), "class+patches")
    encoder = ShallowPrompts(both, PromptOptions(prompt_length=2))
    tokens = both.embed(images)
    joined = torch.cat([tokens, encoder.shared.prompts.expand(len(images), -1, -1)], dim=1)
    after = both.model.norm(both.model.blocks(joined))[:, : tokens.shape[1]]
    parts = after[:, 0], after[:, 1:].mean(1)
    wanted = torch.cat([F.normalize(part, dim=1) for part in parts], dim=1)
    torch.testing.assert_close(encoder(images), wanted, atol=1e-5, rtol=1e-4)


def test_shallow_prompts_pass_through_all_blocks_as_tokens(backbone, images):
    encoder = ShallowPrompts(backbone, PromptOptions(prompt_length=2))
    prompts = encoder.shared.prompts.expand(len(images), -1, -1)
    tokens = backbone.embed(images)
    tokens = torch.cat([tokens[:, :1], prompts, tokens[:, 1:]], 1)
    wanted = class_token(backbone, backbone.model.blocks(tokens))
    torch.testing.assert_close(encoder(images), wanted, atol=1e-5, rtol=1e-4)
