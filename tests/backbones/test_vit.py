"""A frozen ViT run block by block: the last block for the class token, sizes refused."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor

from lpt.backbones import FrozenViT
from lpt.backbones.linear import CompactLinear
from lpt.errors import ShapeError

WIDTH, DEPTH, HEADS, TOKENS = 24, 3, 3, 10


def backbone(**changes: object) -> FrozenViT:
    """9 patches and a class token; every weight random."""
    sizes = {"img_size": 12, "patch_size": 4, "embed_dim": WIDTH, "depth": DEPTH}
    model = VisionTransformer(**{**sizes, "num_heads": HEADS, "num_classes": 0, **changes})
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    return FrozenViT(model)


def tokens(count: int = 2) -> Tensor:
    return torch.randn(count, TOKENS, WIDTH, generator=torch.Generator().manual_seed(6))


@settings(max_examples=25)
@given(
    shared=st.integers(0, 4),
    own=st.integers(0, 4),
    changes=st.sampled_from(
        [
            {},
            {"qkv_bias": False},
            {"qk_norm": True},
            {"init_values": 0.3},
            {"scale_attn_norm": True},
        ]
    ),
)
def test_the_last_block_for_the_class_token_equals_the_whole_block(shared, own, changes):
    vit, x = backbone(**changes), tokens()
    prompts = torch.randn(2, 4, WIDTH, generator=torch.Generator().manual_seed(8))
    sets = [prompts[0, :shared]] * (shared > 0) + [prompts[:, :own]] * (own > 0)
    last = [vit.prompt_kv(DEPTH - 1, p) for p in sets]
    whole = vit.final_norm(vit.run(x, [last], first=DEPTH - 1)[:, 0])
    torch.testing.assert_close(vit.finish(x, [last]), whole, atol=2e-5, rtol=0)


def test_the_class_token_has_the_gradients_of_the_whole_block():
    vit, prompts = backbone(), torch.randn(4, WIDTH)
    found = []
    for class_token_only in (True, False):
        x, trainable = tokens().requires_grad_(), prompts.clone().requires_grad_()
        last = [vit.prompt_kv(DEPTH - 1, trainable)]
        out = (
            vit.finish(x, [last]) if class_token_only else vit.run(x, [last], first=DEPTH - 1)[:, 0]
        )
        out = out if class_token_only else vit.final_norm(out)
        out.square().sum().backward()
        found.append((x.grad, trainable.grad))
    for actual, expected in zip(*found, strict=True):
        scale = float(expected.abs().max())
        torch.testing.assert_close(actual, expected, atol=1e-5 * scale, rtol=0)


def test_blocks_run_one_after_the_other():
    vit, x = backbone(), tokens()
    at_once = vit.run(x, [(), ()], first=1)
    assert torch.equal(at_once, vit.run(vit.run(x, [()], first=1), [()], first=2))
    assert not torch.equal(at_once, vit.run(x, [(), ()], first=0))


def test_the_order_of_prompts_is_irrelevant():
    vit, x, prompts = backbone(), tokens(), torch.randn(4, WIDTH)
    forward = vit.run(x, [[vit.prompt_kv(0, prompts)]])
    backward = vit.run(x, [[vit.prompt_kv(0, prompts[2:]), vit.prompt_kv(0, prompts[:2])]])
    torch.testing.assert_close(forward, backward, atol=1e-5, rtol=0)


def test_it_stays_in_eval_mode_and_frozen():
    vit = backbone(drop_path_rate=0.5)
    vit.train()
    assert not any(module.training for module in vit.modules())
    assert not any(parameter.requires_grad for parameter in vit.parameters())


def test_images_of_another_size_are_refused_with_both_sizes():
    with pytest.raises(ShapeError, match=r"\(16, 16\) for a backbone of input size \(12, 12\)"):
        backbone().embed(torch.zeros(1, 3, 16, 16))


def test_prompts_of_another_width_are_refused_with_both_widths():
    with pytest.raises(ShapeError, match="width 8 for a backbone of 24"):
        backbone().prompt_kv(0, torch.zeros(4, 8))


@pytest.mark.parametrize(("kind", "smaller"), [("bf16", 2), ("int8", 4)])
def test_compact_weights_take_a_half_and_a_quarter_of_the_bytes(kind, smaller):
    vit = backbone()
    parameters = [(n, p.shape) for n, p in vit.named_parameters() if "mlp.fc1.bias" in n]
    count, before = sum(p.numel() for p in vit.parameters()), vit.weight_bytes
    linear = 4 * DEPTH * (4 + 8) * WIDTH**2  # qkv, proj and the two of the MLP
    scales = 4 * DEPTH * (4 + 5) * WIDTH if kind == "int8" else 0
    vit.keep_weights(kind)
    assert vit.weights == kind
    assert before - vit.weight_bytes == linear - linear // smaller - scales
    assert sum(p.numel() for p in vit.parameters()) == count
    assert [(n, p.shape) for n, p in vit.named_parameters() if "mlp.fc1.bias" in n] == parameters
    assert not any(p.requires_grad for p in vit.parameters())


def test_compact_weights_can_be_replaced_but_not_regained():
    vit, x = backbone(), tokens()
    usual = vit.run(x, [()] * DEPTH)
    vit.keep_weights("float32")
    assert torch.equal(vit.run(x, [()] * DEPTH), usual)
    vit.keep_weights("int8")
    rounded = vit.run(x, [()] * DEPTH)
    assert 1e-4 < (rounded - usual).abs().max() / usual.abs().max() < 0.05
    vit.keep_weights("float32")
    assert not any(isinstance(layer, CompactLinear) for layer in vit.modules())
    torch.testing.assert_close(vit.run(x, [()] * DEPTH), rounded, rtol=1e-4, atol=1e-4)
