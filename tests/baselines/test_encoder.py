"""Encoders that change a ViT compute what their papers print, against plain loops."""

import copy

import pytest
import torch
import torch.nn.functional as F

from lpt.baselines.methods.adapter import AdapterOptions, put_adapters
from lpt.baselines.methods.bitfit import BiasLinear
from lpt.baselines.methods.full import fully_tuned
from lpt.baselines.methods.lift import bottleneck_of
from lpt.baselines.methods.lora import LoraOptions, LoraQKV
from lpt.baselines.methods.pro_tuning import PromptedMaps, ProOptions
from lpt.baselines.methods.visual_prompt import FramedImages, FrameOptions
from lpt.baselines.methods.vpt import DeepPrompts, PromptOptions, ShallowPrompts
from lpt.baselines.tuned_vit import TunedViT, norms_of
from lpt.errors import ConfigError
from lpt.model.two_pass import LongTailedPromptModel, PromptShape


def disturb(encoder: torch.nn.Module) -> None:
    """Give what starts at zero a value."""
    torch.manual_seed(5)
    with torch.no_grad():
        for parameters in encoder.param_groups().values():
            for parameter in parameters:
                parameter.add_(0.1 * torch.randn(parameter.shape))


def class_token(vit, tokens):
    return vit.final_norm(tokens[:, 0])


def test_adapters_are_added_beside_the_mlp(backbone, images):
    """x + MLP(n) + s (ReLU(n W_down + b) W_up + c), with n = norm(x); equation by equation."""
    encoder = TunedViT(backbone, lambda vit: put_adapters(vit, AdapterOptions(bottleneck=4)))
    disturb(encoder)
    tokens = backbone.embed(images)
    for plain, block in zip(backbone.blocks, encoder.vit.blocks, strict=True):
        tokens = tokens + plain.attn(plain.norm1(tokens))
        n, adapter = plain.norm2(tokens), block.mlp.adapter
        hidden = F.relu(n @ adapter.down.weight.T + adapter.down.bias)
        added = 0.1 * (hidden @ adapter.up.weight.T + adapter.up.bias)
        tokens = tokens + plain.mlp(n) + added
    torch.testing.assert_close(encoder(images), class_token(backbone, tokens), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("targets", ["qv", "k", "qkv"])
def test_lora_is_a_plain_projection_once_merged(backbone, images, targets):
    options = LoraOptions(rank=2, alpha=6, targets=targets)

    def change(vit):
        for block in vit.blocks:
            block.attn.qkv = LoraQKV(block.attn.qkv, options)
        return [p for b in vit.blocks for p in (b.attn.qkv.down, b.attn.qkv.up)]

    encoder = TunedViT(backbone, change, inside_products=True)
    disturb(encoder)
    merged = copy.deepcopy(backbone)
    with torch.no_grad():
        for block, tuned in zip(merged.blocks, encoder.vit.blocks, strict=True):
            block.attn.qkv.weight.copy_(tuned.attn.qkv.merged())
    torch.testing.assert_close(encoder(images), merged(images), atol=1e-5, rtol=1e-4)
    changed = encoder.vit.blocks[0].attn.qkv.merged() - backbone.blocks[0].attn.qkv.weight
    moved = [bool(part.abs().max() > 0) for part in changed.detach().chunk(3)]
    assert moved == [letter in targets for letter in "qkv"]


def test_full_tuning_learns_everything_with_the_gradients_of_the_plain_model(backbone, images):
    encoder = fully_tuned(backbone)
    encoder(images).square().sum().backward()
    assert len(encoder.tuned) == len(list(backbone.parameters()))
    weight = encoder.vit.blocks[1].mlp.fc1.weight
    with torch.no_grad():
        before = float(encoder(images).square().sum())
        weight[0, 0] += 1e-2
        after = float(encoder(images).square().sum())
        weight[0, 0] -= 1e-2
    assert (after - before) / 1e-2 == pytest.approx(float(weight.grad[0, 0]), rel=0.1, abs=0.02)


def test_norm_tuning_gives_the_gradients_that_timms_own_blocks_give(backbone, images):
    found, wanted = (TunedViT(backbone, norms_of, inside_products=own) for own in (False, True))
    for encoder in (found, wanted):
        encoder(images).square().sum().backward()
    for one, other in zip(found.tuned, wanted.tuned, strict=True):
        torch.testing.assert_close(one.grad, other.grad, atol=1e-4, rtol=1e-3)


def test_a_bias_learns_beside_a_weight_that_does_not(backbone):
    layer = BiasLinear.of(copy.deepcopy(backbone.blocks[0].attn.proj))
    layer.bias.requires_grad_(True)
    layer(torch.ones(3, 16)).sum().backward()
    assert torch.equal(layer.bias.grad, torch.full((16,), 3.0))
    assert layer.weight.grad is None


def test_deep_prompts_are_phase_one(backbone, images):
    encoder = DeepPrompts(backbone, PromptOptions(prompt_length=2))
    model = LongTailedPromptModel(backbone, 3, PromptShape(2, None, 2, 2))
    model.shared = encoder.shared
    torch.testing.assert_close(encoder(images), model.phase1(images).query)


def test_shallow_prompts_run_through_all_blocks_as_tokens(backbone, images):
    encoder = ShallowPrompts(backbone, PromptOptions(prompt_length=2))
    prompts = encoder.shared.prompts.expand(len(images), -1, -1)
    tokens = backbone.embed(images)
    tokens = torch.cat([tokens[:, :1], prompts, tokens[:, 1:]], 1)
    wanted = class_token(backbone, backbone.model.blocks(tokens))
    torch.testing.assert_close(encoder(images), wanted, atol=1e-5, rtol=1e-4)


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


def test_a_frame_covers_the_border_alone(backbone, images):
    encoder = FramedImages(backbone, FrameOptions(border=3))
    with torch.no_grad():
        encoder.pixels.fill_(2.0)
    framed = images + 2.0
    framed[..., 3:13, 3:13] = images[..., 3:13, 3:13]
    torch.testing.assert_close(encoder(images), backbone(framed))


def test_a_shrunk_image_lies_within_the_frame(backbone):
    encoder = FramedImages(backbone, FrameOptions(border=4, shrink=True))
    wanted = torch.zeros(1, 3, 16, 16)
    wanted[..., 4:12, 4:12] = 0.5
    plain = torch.full((1, 3, 16, 16), 0.5)
    torch.testing.assert_close(encoder(plain), backbone(wanted))


def test_a_frame_that_leaves_nothing_is_refused(backbone):
    with pytest.raises(ConfigError, match=r"border=8: choose 1\.\.7 for 16 pixels"):
        FramedImages(backbone, FrameOptions(border=8))


@pytest.mark.parametrize(
    ("classes", "width"), [(10, 1), (47, 1), (48, 2), (100, 4), (365, 8), (1000, 32), (8142, 256)]
)
def test_lifts_bottleneck_is_the_power_of_two_below_classes_by_twice_the_depth(classes, width):
    assert bottleneck_of(classes, 12) == width
