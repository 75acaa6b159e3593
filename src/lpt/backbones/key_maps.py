"""Names of tensors as other programs write them, turned into timm's.

Recognised are names that share a prefix of a wrapper (`module.`, `model.`, ...), the image towers
of OpenCLIP, and the encoders of Hugging Face transformers: ViT, DeiT, DINOv2 and MAE here, all
others in `lpt.backbones.layouts`.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor

from lpt.backbones.layouts.dinov3 import from_dinov3, is_dinov3
from lpt.backbones.layouts.image_text import from_image_text, is_image_text
from lpt.backbones.layouts.join_qkv import join_qkv
from lpt.backbones.layouts.open_clip_names import from_open_clip, is_open_clip

__all__ = ["Renamed", "is_of_transformers", "to_timm"]

_WRAPPERS = ("module.", "model.", "backbone.", "_orig_mod.", "state_dict.")
_TOWERS = ("vit.", "deit.", "dinov2.", "dinov2_with_registers.")
_NOT_ENCODER = ("classifier.", "pooler.", "decoder.", "cls_classifier.", "distillation_classifier.")

_OUTER = {
    "embeddings.cls_token": "cls_token",
    "embeddings.distillation_token": "dist_token",
    "embeddings.register_tokens": "reg_token",
    "embeddings.mask_token": "mask_token",
    "embeddings.position_embeddings": "pos_embed",
    "embeddings.patch_embeddings.projection.weight": "patch_embed.proj.weight",
    "embeddings.patch_embeddings.projection.bias": "patch_embed.proj.bias",
    "layernorm.weight": "norm.weight",
    "layernorm.bias": "norm.bias",
}
_INNER = {
    "attention.output.dense": "attn.proj",
    "intermediate.dense": "mlp.fc1",
    "output.dense": "mlp.fc2",
    "layernorm_before": "norm1",
    "layernorm_after": "norm2",
    "norm1": "norm1",
    "norm2": "norm2",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
}
_SCALES = {"layer_scale1.lambda1": "ls1.gamma", "layer_scale2.lambda1": "ls2.gamma"}
_BLOCK = re.compile(r"encoder\.layer\.(\d{1,6})\.(.+)", re.ASCII)
_QKV = ("query", "key", "value")
_TRANSFORMERS = "Hugging Face transformers"


class Renamed(NamedTuple):
    """Tensors under timm's names.

    Attributes:
        tensors: by name.
        metadata: what the layout implies, under the names of `lpt.backbones.infer`.
        layout: the layout that was recognised, in words; "" for timm's.
    """

    tensors: dict[str, Tensor]
    metadata: dict[str, str]
    layout: str


def to_timm(tensors: Mapping[str, Tensor]) -> Renamed:
    """Rename tensors to timm's names. Unknown names stay as they are.

    Query, key and value are joined; nothing else is computed, so a converted model has the weights
    of timm's copy bit for bit.

    >>> import torch
    >>> to_timm({"module.norm.weight": torch.ones(2)}).tensors
    {'norm.weight': tensor([1., 1.])}
    """
    bare = _without_wrappers(tensors)
    if is_open_clip(bare):
        return Renamed(*from_open_clip(bare), "OpenCLIP")
    if is_image_text(bare):
        return Renamed(*from_image_text(bare), _TRANSFORMERS)
    if is_dinov3(bare):
        return Renamed(*from_dinov3(bare), _TRANSFORMERS)
    if not is_of_transformers(bare):
        return Renamed(bare, {}, "")
    return _from_transformers(bare)


def is_of_transformers(tensors: Mapping[str, Tensor]) -> bool:
    """Whether names are those of an encoder of Hugging Face transformers."""
    return any(
        name.startswith("embeddings.") or ".embeddings." in name or "encoder.layer" in name
        for name in tensors
    )


def _without_wrappers(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    found = dict(tensors)
    while found:
        first = next(iter(found))
        prefix = next((p for p in _WRAPPERS if first.startswith(p)), None)
        if prefix is None or not all(name.startswith(prefix) for name in found):
            break
        found = {name.removeprefix(prefix): tensor for name, tensor in found.items()}
    return found


def _from_transformers(tensors: Mapping[str, Tensor]) -> Renamed:
    renamed: dict[str, Tensor] = {}
    parts: dict[str, dict[str, Tensor]] = {}
    for full, tensor in tensors.items():
        if full.startswith(_NOT_ENCODER):
            continue
        name = next((full.removeprefix(t) for t in _TOWERS if full.startswith(t)), full)
        if name.startswith(_NOT_ENCODER):
            continue
        block = _BLOCK.fullmatch(name)
        if block is None:
            renamed[_OUTER.get(name, name)] = tensor
            continue
        number, inner = block.groups()
        stem, _, kind = inner.rpartition(".")
        role = stem.removeprefix("attention.attention.")
        if role in _QKV and role != stem:
            parts.setdefault(f"blocks.{number}.attn.qkv.{kind}", {})[role] = tensor
        elif inner in _SCALES:
            renamed[f"blocks.{number}.{_SCALES[inner]}"] = tensor
        elif stem in _INNER:
            renamed[f"blocks.{number}.{_INNER[stem]}.{kind}"] = tensor
        else:
            renamed[name] = tensor
    renamed |= join_qkv(parts, _QKV)
    _move_register_positions(renamed)
    dino = any("layer_scale1" in name for name in tensors)
    eps = "1e-6" if dino else "1e-12"  # the defaults of their configurations
    return Renamed(renamed, {"layer_norm_eps": eps}, _TRANSFORMERS)


def _move_register_positions(tensors: dict[str, Tensor]) -> None:
    """Add the class token's position to the token itself, as timm stores models with registers."""
    token, positions = tensors.get("cls_token"), tensors.get("pos_embed")
    if "reg_token" not in tensors or token is None or positions is None:
        return
    if token.dim() == positions.dim() == 3 and token.shape[::2] == positions.shape[::2]:
        tensors["cls_token"] = token + positions[:, :1]
        tensors["pos_embed"] = positions[:, 1:].contiguous()
