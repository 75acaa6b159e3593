"""The contract of every backbone, checked on a tiny random one of each kind of architecture.

Add a kind to `KINDS`, and it is held to the contract.
"""

from collections.abc import Callable

import pytest
import torch
from safetensors.torch import save_file
from timm.layers import QuickGELU, SwiGLUPacked
from timm.models.deit import VisionTransformerDistilled
from timm.models.vision_transformer import ParallelThingsBlock, VisionTransformer
from torch import Tensor, nn

from lpt.backbones import FrozenViT, hash_weights, load_backbone
from lpt.backbones.blocks.bottleneck import Bottleneck
from lpt.errors import BackboneError

WIDTH, DEPTH, PREFIX, PROMPTS, HIDDEN = 32, 4, 2, 3, 8


def make(kind: type[VisionTransformer] = VisionTransformer, **changes: object) -> nn.Module:
    """4 x 4 patches of 8 px unless changed; every weight random, so that none is without effect."""
    arguments = {
        "img_size": 32,
        "patch_size": 8,
        "embed_dim": WIDTH,
        "depth": DEPTH,
        "num_heads": 2,
        "num_classes": 0,
    }
    model = kind(**{**arguments, **changes})
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def resized() -> nn.Module:
    model = make()
    model.set_input_size((48, 48))
    return model


READABLE: dict[str, Callable[[], nn.Module]] = {
    "plain": make,
    "layer scale": lambda: make(init_values=0.5),
    "registers without positions": lambda: make(reg_tokens=4, no_embed_class=True),
    "registers with positions": lambda: make(reg_tokens=3),
    "class token without position": lambda: make(no_embed_class=True),
    "query-key norm": lambda: make(qk_norm=True),
    "scale norms": lambda: make(scale_attn_norm=True, scale_mlp_norm=True),
    "no qkv bias": lambda: make(qkv_bias=False),
    "no projection bias": lambda: make(proj_bias=False),
    "distillation token": lambda: make(VisionTransformerDistilled),
    "averaged, so norm after pooling": lambda: make(global_pool="avg"),
    "no final norm": lambda: make(final_norm=False),
    "another input size": resized,
}
"""Architectures that tensor shapes determine."""

KINDS = READABLE | {
    "pre-norm, quick GELU (CLIP)": lambda: make(pre_norm=True, act_layer=QuickGELU),
    "gated MLP (DINOv2 giant)": lambda: make(mlp_layer=SwiGLUPacked),
    "input size decided at run time": lambda: make(dynamic_img_size=True),
}


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


def features_of_timm(model: nn.Module, images: Tensor) -> Tensor:
    return model.fc_norm(model.forward_features(images)[:, 0])


def test_without_prompts_the_class_token_is_that_of_timm(backbone, images):
    expected = features_of_timm(backbone.model, images)
    assert expected.std() > 1e-2
    torch.testing.assert_close(backbone(images), expected, atol=1e-5, rtol=0)


def test_prompts_act_like_appended_tokens_whose_outputs_are_dropped(backbone, images, prompts):
    x = backbone.embed(images)
    for block, extra in zip(backbone.model.blocks, prompts, strict=True):
        appended = torch.cat([x, extra.expand(len(x), -1, -1)], dim=1)
        x = block(appended)[:, : x.shape[1]]
    expected = backbone.final_norm(x[:, 0])
    sets = [(kv,) for kv in backbone.prompts_kv(prompts)]
    actual = backbone.finish(backbone.embed(images), sets)
    torch.testing.assert_close(actual, expected, atol=1e-5, rtol=0)
    assert (actual - backbone(images)).abs().max() > 1e-3


def test_an_adapter_adds_its_bottleneck_to_the_mlp_of_its_block(backbone, images):
    """x + MLP(n) + ReLU(n W_down + b) W_up + c, with n = norm(x); scaled as the MLP is."""
    x, adapters = backbone.embed(images), adapters_of()
    for block, (down, down_bias, up, up_bias) in zip(backbone.model.blocks, adapters, strict=True):
        x = x + block.ls1(block.attn(block.norm1(x)))
        n = block.norm2(x)
        x = x + block.ls2(block.mlp(n) + (n @ down + down_bias).relu() @ up + up_bias)
    expected = backbone.final_norm(x[:, 0])
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
    "model",
    [
        make(class_token=False, global_pool="avg"),
        make(block_fn=ParallelThingsBlock),
        make(attn_layer="diff"),
        nn.Linear(2, 2),
    ],
    ids=["no class token", "parallel blocks", "differential attention", "no transformer"],
)
def test_other_models_are_refused_with_the_supported_ones(model):
    with pytest.raises(BackboneError, match="Supported: timm's VisionTransformer"):
        FrozenViT(model)
