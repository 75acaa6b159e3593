"""The contract of every backbone, checked on a tiny random one of each kind of architecture.

Add a kind to `KINDS` of `tiny_families`, and it is held to the contract.
"""

import pytest
import timm
import torch
from safetensors.torch import save_file
from tests.contracts.tiny_families import (
    DEPTH,
    KINDS,
    READABLE,
    WIDTH,
    eva,
    features_of_timm,
    make,
    with_appended,
)
from timm.models.eva import Eva
from timm.models.vision_transformer import ParallelScalingBlock, ParallelThingsBlock
from torch import Tensor, nn

from lpt.backbones import FrozenViT, hash_weights, load_backbone
from lpt.backbones.blocks.bottleneck import Bottleneck
from lpt.errors import BackboneError

PREFIX, PROMPTS, HIDDEN = 2, 3, 8


@pytest.fixture(params=KINDS)
def backbone(request: pytest.FixtureRequest) -> FrozenViT:
    return FrozenViT(KINDS[request.param]())


@pytest.fixture
def images(backbone: FrozenViT) -> Tensor:
    size = backbone.model.patch_embed.img_size[0]
    return torch.randn(3, 3, size, size, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def prompts() -> Tensor:
    return torch.randn(DEPTH, PROMPTS, WIDTH, generator=torch.Generator().manual_seed(2))


def adapters_of(*images: int) -> list[Bottleneck]:
    """Random adapters of every block: one for all images, or one for each."""
    generator = torch.Generator().manual_seed(3)

    def drawn(*size: int) -> Tensor:
        return torch.randn(*images, *size, generator=generator)

    return [
        Bottleneck(drawn(WIDTH, HIDDEN), drawn(HIDDEN), drawn(HIDDEN, WIDTH), drawn(WIDTH))
        for _ in range(DEPTH)
    ]


def test_without_prompts_the_feature_is_that_of_timm(backbone, images):
    expected = features_of_timm(backbone.model, images)
    assert expected.std() > 1e-2
    torch.testing.assert_close(backbone(images), expected, atol=1e-5, rtol=0)


def test_prompts_act_like_appended_tokens_whose_outputs_are_dropped(backbone, images, prompts):
    expected = feature_with_appended(backbone, images, prompts)
    sets = [(kv,) for kv in backbone.prompts_kv(prompts)]
    actual = backbone.finish(backbone.embed(images), sets)
    torch.testing.assert_close(actual, expected, atol=1e-5, rtol=0)
    assert (actual - backbone(images)).abs().max() > 1e-3


def test_prompts_have_the_gradients_of_appended_tokens(backbone, images, prompts):
    grads = []
    for feature in (
        lambda p: backbone.finish(backbone.embed(images), [(kv,) for kv in backbone.prompts_kv(p)]),
        lambda p: feature_with_appended(backbone, images, p),
    ):
        trained = prompts.clone().requires_grad_()
        feature(trained).square().sum().backward()
        grads.append(trained.grad)
    scale = float(grads[1].abs().max())
    torch.testing.assert_close(grads[0], grads[1], atol=1e-4 * scale, rtol=0)


def feature_with_appended(backbone: FrozenViT, images: Tensor, prompts: Tensor) -> Tensor:
    x = backbone.embed(images)
    for index, extra in enumerate(prompts):
        x = with_appended(backbone.model, index, x, extra)
    return backbone.pooled(x)


def test_an_adapter_adds_its_bottleneck_to_the_mlp_of_its_block(backbone, images):
    """MLP(n) + ReLU(n W_down + b) W_up + c, with n the input of the MLP."""

    def added(adapter: Bottleneck):
        down, down_bias, up, up_bias = adapter
        return lambda _, inputs, out: out + (inputs[0] @ down + down_bias).relu() @ up + up_bias

    adapters = adapters_of()
    hooks = [
        block.mlp.register_forward_hook(added(adapter))
        for block, adapter in zip(backbone.model.blocks, adapters, strict=True)
    ]
    expected = features_of_timm(backbone.model, images)
    for hook in hooks:
        hook.remove()
    actual = backbone.finish(backbone.embed(images), [()] * DEPTH, adapters)
    torch.testing.assert_close(actual, expected, atol=1e-5, rtol=0)
    assert (actual - backbone(images)).abs().max() > 1e-3


@pytest.mark.parametrize("adapters", [[], adapters_of()], ids=["prompts", "and adapters"])
def test_a_pass_split_after_the_prefix_equals_two_full_passes(backbone, images, prompts, adapters):
    shared = [(kv,) for kv in backbone.prompts_kv(prompts)]
    group = backbone.prompts_kv(prompts[PREFIX:].flip(1) * 0.5, first=PREFIX)
    both = [(*ours, kv) for ours, kv in zip(shared[PREFIX:], group, strict=True)]

    tokens = backbone.run(backbone.embed(images), shared[:PREFIX], adapters[:PREFIX])
    query = backbone.finish(tokens, shared[PREFIX:], adapters[PREFIX:])
    feature = backbone.finish(tokens, both, adapters[PREFIX:])

    full = backbone.embed(images)
    torch.testing.assert_close(query, backbone.finish(full, shared, adapters), atol=1e-6, rtol=0)
    torch.testing.assert_close(
        feature, backbone.finish(full, shared[:PREFIX] + both, adapters), atol=1e-6, rtol=0
    )
    assert (query - feature).abs().max() > 1e-4


def test_prompts_and_adapters_of_each_image_act_on_that_image_alone(backbone, images, prompts):
    own, adapters = torch.stack([prompts, prompts + 1, prompts - 1], dim=1), adapters_of(3)
    together = backbone.finish(
        backbone.embed(images), [(kv,) for kv in backbone.prompts_kv(own)], adapters
    )
    for i in range(3):
        single = backbone.finish(
            backbone.embed(images[i : i + 1]),
            [(kv,) for kv in backbone.prompts_kv(own[:, i])],
            [Bottleneck(*(tensor[i] for tensor in adapter)) for adapter in adapters],
        )
        torch.testing.assert_close(together[i : i + 1], single, atol=1e-5, rtol=0)


def test_gradients_reach_every_prompt_and_adapter_and_never_the_backbone(backbone, images, prompts):
    before = hash_weights(backbone.model.state_dict())
    backbone.train()
    prompts.requires_grad_()
    adapters = adapters_of()
    tensors = [tensor.requires_grad_() for adapter in adapters for tensor in adapter]
    feature = backbone.finish(
        backbone.embed(images), [(kv,) for kv in backbone.prompts_kv(prompts)], adapters
    )
    feature.square().sum().backward()
    assert (prompts.grad.abs().amax(dim=-1) > 0).all()
    assert all((tensor.grad != 0).any() for tensor in tensors)
    assert not any(p.requires_grad or p.grad is not None for p in backbone.parameters())
    assert not any(module.training for module in backbone.modules())
    assert hash_weights(backbone.model.state_dict()) == before


@pytest.mark.parametrize("kind", READABLE)
def test_a_file_of_its_weights_loads_as_the_same_backbone(kind, tmp_path):
    model = READABLE[kind]()
    path = tmp_path / "weights.safetensors"
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, path, {"num_heads": "2"})
    backbone = load_backbone(str(path))
    size = backbone.spec.image_size
    assert backbone.spec.sha256 == hash_weights(model.state_dict())
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))
    expected = features_of_timm(model, images)
    torch.testing.assert_close(backbone(images), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (make(block_fn=ParallelThingsBlock), "attention and MLP in parallel"),
        (make(block_fn=ParallelScalingBlock), "attention and MLP in parallel"),
        (make(attn_layer="diff"), "with DiffAttention"),
        (eva(use_post_norm=True), "normalise after attention"),
        (timm.create_model("test_convnext"), "not supported"),
        (nn.Linear(2, 2), "Linear: not supported"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_other_models_are_refused_with_the_reason_and_the_supported_ones(model, reason):
    with pytest.raises(BackboneError, match=reason) as refused:
        FrozenViT(model)
    assert "Supported: timm's VisionTransformer" in str(refused.value)


def test_models_with_windows_are_refused_with_the_reason():
    with torch.device("meta"):
        model = timm.create_model("swin_tiny_patch4_window7_224")
    with pytest.raises(BackboneError, match="attend within windows"):
        FrozenViT(model)


def test_rotary_positions_follow_the_input_size():
    model = eva(use_abs_pos_emb=False)
    backbone = FrozenViT(model)
    small = backbone(torch.ones(1, 3, 32, 32))
    model.set_input_size((64, 64))
    images = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(backbone(images), features_of_timm(model, images), atol=1e-5, rtol=0)
    model.set_input_size((32, 32))
    assert torch.equal(backbone(torch.ones(1, 3, 32, 32)), small)


def test_rotary_positions_made_for_predictions_serve_training():
    backbone = FrozenViT(make(Eva, use_rot_pos_emb=True, rope_type="mixed"))
    images = torch.randn(1, 3, 32, 32)
    with torch.inference_mode():
        backbone(images)
    prompts = torch.randn(DEPTH, 1, WIDTH, requires_grad=True)
    sets = [(kv,) for kv in backbone.prompts_kv(prompts)]
    backbone.finish(backbone.embed(images), sets).sum().backward()
    assert prompts.grad.abs().max() > 0
