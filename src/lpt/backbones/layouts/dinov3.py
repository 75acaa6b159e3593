"""DINOv3 in Hugging Face transformers, as timm's `Eva`."""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from timm.layers import LayerNorm
from torch import Tensor

from lpt.backbones.layouts.join_qkv import join_qkv

__all__ = ["eva_arguments", "from_dinov3", "is_dinov3"]

_BLOCK = re.compile(r"(?:model\.)?layer\.(\d{1,6})\.(.+)", re.ASCII)
_ROLES = ("q_proj", "k_proj", "v_proj")
_OUTER = {
    "embeddings.cls_token": "cls_token",
    "embeddings.register_tokens": "reg_token",
    "embeddings.patch_embeddings.weight": "patch_embed.proj.weight",
    "embeddings.patch_embeddings.bias": "patch_embed.proj.bias",
}
_INNER = {"attention.o_proj": "attn.proj", "mlp.down_proj": "mlp.fc2"}
_SCALES = {"layer_scale1.lambda1": "gamma_1", "layer_scale2.lambda1": "gamma_2"}
_TEMPERATURE = 100.0
_SIDE = 224
_MOST_PATCHES = 128
"""On a side: positions are computed for all patches when a model is built."""


def is_dinov3(tensors: Mapping[str, Tensor]) -> bool:
    """Whether names are those of a `DINOv3ViTModel`."""
    return "embeddings.patch_embeddings.weight" in tensors


def from_dinov3(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Rename the tensors; query, key and value are joined.

    Returns: tensors under timm's names, and what the layout implies.
    """
    gated = any(name.endswith("mlp.gate_proj.weight") for name in tensors)
    mlp = {"mlp.gate_proj": "mlp.fc1_g", "mlp.up_proj": "mlp.fc1_x" if gated else "mlp.fc1"}
    found: dict[str, Tensor] = {}
    parts: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        block = _BLOCK.fullmatch(name)
        if name == "embeddings.mask_token":  # of pretraining
            continue
        if block is None:
            found[_OUTER.get(name, name)] = tensor
            continue
        number, inner = block.groups()
        stem, _, kind = inner.rpartition(".")
        role = stem.removeprefix("attention.")
        if role in _ROLES and kind == "weight":
            parts.setdefault(f"blocks.{number}.attn.qkv.weight", {})[role] = tensor
        elif role in _ROLES:
            found[f"blocks.{number}.attn.{role[0]}_bias"] = tensor
        elif inner in _SCALES:
            found[f"blocks.{number}.{_SCALES[inner]}"] = tensor
        else:
            found[f"blocks.{number}.{(_INNER | mlp).get(stem, stem)}.{kind}"] = tensor
    found |= join_qkv(parts, _ROLES)
    return found, {"layer_norm_eps": "1e-5", "rotary": "dinov3"}


def eva_arguments(
    tensors: Mapping[str, Tensor], metadata: Mapping[str, str], depth: int, heads: int
) -> dict[str, Any]:
    """Return the arguments of timm's `Eva` for tensors of a DINOv3 under timm's names.

    Args:
        metadata: may state `image_size` (224), `rope_temperature` (100) and `activation`.
        depth: number of blocks.
        heads: number of attention heads.
    Raises: KeyError for a tensor that is missing; ValueError for sizes that describe no model.
    """
    width, channels, patch, across = tensors["patch_embed.proj.weight"].shape
    gated = "blocks.0.mlp.fc1_g.weight" in tensors
    hidden = tensors["blocks.0.mlp.fc1_g.weight" if gated else "blocks.0.mlp.fc1.weight"].shape[0]
    usual = "silu" if gated else "gelu"
    if (activation := metadata.get("activation", usual)) != usual:
        raise ValueError(f"activation {activation[:20]!r}; DINOv3 with such an MLP has {usual}.")
    text = metadata.get("image_size", str(_SIDE))
    side = int(text) if text.isdecimal() and len(text) < 6 else 0
    if channels != 3 or patch != across or not patch <= side <= _MOST_PATCHES * patch:
        raise ValueError(
            f"patches of {channels} x {patch} x {across} in images of {text[:20]} pixels."
        )
    temperature = float(metadata.get("rope_temperature", _TEMPERATURE))
    if not 1 < temperature < 1e6:
        raise ValueError(f"rope_temperature {temperature} in its metadata; 100 is usual.")
    return {
        "img_size": side // patch * patch,
        "patch_size": patch,
        "embed_dim": width,
        "depth": depth,
        "num_heads": heads,
        "mlp_ratio": (hidden + 0.5) / width,
        "swiglu_mlp": gated,
        "swiglu_align_to": 1 if gated else 0,
        "qkv_bias": "blocks.0.attn.q_bias" in tensors,
        "init_values": 1.0 if "blocks.0.gamma_1" in tensors else None,
        "num_reg_tokens": tensors["reg_token"].shape[1] if "reg_token" in tensors else 0,
        "use_abs_pos_emb": False,
        "use_rot_pos_emb": True,
        "rope_type": "dinov3",
        "rope_temperature": temperature,
        "rope_rotate_half": True,
        "use_fc_norm": False,
        "global_pool": "token",
        "norm_layer": partial(LayerNorm, eps=1e-5),
        "num_classes": 0,
    }
