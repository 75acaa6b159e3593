"""Checkpoints of other programs give the backbone that timm's copy gives, bit for bit."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from timm.models.deit import VisionTransformerDistilled
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor

from lpt.backbones import load_backbone
from lpt.backbones.key_maps import to_timm
from lpt.errors import BackboneError

from .conftest import tiny_vit

VIT = {
    "attn.proj": "attention.output.dense",
    "mlp.fc1": "intermediate.dense",
    "mlp.fc2": "output.dense",
    "norm1": "layernorm_before",
    "norm2": "layernorm_after",
}
DINO = {
    "attn.proj": "attention.output.dense",
    "ls1.gamma": "layer_scale1.lambda1",
    "ls2.gamma": "layer_scale2.lambda1",
}
OUTER = {
    "cls_token": "embeddings.cls_token",
    "pos_embed": "embeddings.position_embeddings",
    "dist_token": "embeddings.distillation_token",
    "reg_token": "embeddings.register_tokens",
    "patch_embed.proj": "embeddings.patch_embeddings.projection",
    "norm": "layernorm",
}


def transformers(state: dict[str, Tensor], tower: str, inner: dict[str, str]) -> dict[str, Tensor]:
    """Rename timm's tensors as transformers does; its documentation lists the names."""
    renamed: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if name.startswith("head"):
            renamed[name.replace("head", "classifier")] = tensor
        elif name.startswith("blocks."):
            _, number, *rest = name.split(".")
            stem, _, kind = ".".join(rest).rpartition(".")
            at = f"{tower}encoder.layer.{number}"
            if stem == "attn.qkv":
                for role, part in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                    renamed[f"{at}.attention.attention.{role}.{kind}"] = part.contiguous()
            elif ".".join(rest) in inner:
                renamed[f"{at}.{inner['.'.join(rest)]}"] = tensor
            else:
                renamed[f"{at}.{inner.get(stem, stem)}.{kind}"] = tensor
        else:
            stem, _, kind = name.rpartition(".")
            renamed[tower + (OUTER.get(name) or f"{OUTER[stem]}.{kind}")] = tensor
    return renamed


def distilled() -> VisionTransformerDistilled:
    model = VisionTransformerDistilled(
        img_size=32, patch_size=8, embed_dim=32, depth=2, num_heads=2, num_classes=0
    )
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()


CASES: dict[str, tuple[Callable[[], VisionTransformer], str, dict[str, str], str, float]] = {
    "vit": (tiny_vit, "vit.", VIT, "vit", 1e-12),
    "vit without a head": (lambda: tiny_vit(num_classes=0), "", VIT, "vit", 1e-12),
    "deit": (distilled, "deit.", VIT, "deit", 1e-12),
    "dinov2": (lambda: tiny_vit(init_values=1.0), "", DINO, "dinov2", 1e-6),
}


@pytest.mark.parametrize("case", CASES)
def test_an_encoder_of_transformers_is_timms_model(case: str, tmp_path: Path) -> None:
    build, tower, inner, kind, eps = CASES[case]
    torch.manual_seed(0)
    model = build()
    own, folder = tmp_path / "timm.safetensors", tmp_path / "hf"
    folder.mkdir()
    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    save_file(state, own, {"num_heads": "2", "layer_norm_eps": str(eps)})
    save_file(transformers(state, tower, inner), folder / "model.safetensors", {"format": "pt"})
    config = {"model_type": kind, "num_attention_heads": 2, "hidden_size": 32}
    (folder / "config.json").write_text(json.dumps(config))
    wanted = load_backbone(str(own))
    images = torch.randn(2, 3, 32, 32)
    for name in (folder, folder / "model.safetensors"):
        found = load_backbone(str(name))
        assert found.spec.sha256 == wanted.spec.sha256
        assert found.spec.layer_norm_eps == eps
        assert torch.equal(found(images), wanted(images))


def test_positions_of_a_model_with_registers_move_as_timm_stores_them() -> None:
    tensors = {
        "embeddings.cls_token": torch.full((1, 1, 4), 2.0),
        "embeddings.register_tokens": torch.zeros(1, 4, 4),
        "embeddings.position_embeddings": torch.arange(20.0).view(1, 5, 4),
    }
    found = to_timm(tensors).tensors
    assert torch.equal(found["cls_token"].flatten(), torch.tensor([2.0, 3, 4, 5]))
    assert found["pos_embed"].shape == (1, 4, 4)
    assert "reg_token" in found


@pytest.mark.parametrize("prefix", ["module.", "model.", "module.model.", "backbone."])
def test_the_prefix_of_a_wrapper_is_dropped(prefix: str, vit, write_vit, tmp_path: Path) -> None:
    plain = write_vit(vit())
    wrapped = tmp_path / "wrapped.safetensors"
    tensors = {prefix + name: value for name, value in load_file(plain).items()}
    save_file(tensors, wrapped, {"num_heads": "2"})
    assert load_backbone(str(wrapped)).spec.sha256 == load_backbone(str(plain)).spec.sha256


def test_what_is_missing_from_a_checkpoint_of_transformers_is_said(tmp_path: Path) -> None:
    """Without the advice to name timm's architecture, which would be refused next."""
    path = tmp_path / "model.safetensors"
    tensors = transformers(tiny_vit().state_dict(), "vit.", VIT)
    whole = {name: value.contiguous() for name, value in tensors.items()}
    for gone in (
        "encoder.layer.0.intermediate.dense.weight",
        "encoder.layer.1.attention.attention.key.bias",
    ):
        save_file({k: v for k, v in whole.items() if k != f"vit.{gone}"}, path)
        with pytest.raises(
            BackboneError, match=r"layout of Hugging Face transformers; take timm's"
        ):
            load_backbone(str(path))
