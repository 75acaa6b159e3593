"""The image towers of CLIP and SigLIP in Hugging Face transformers, as timm's ViT."""

import re
from collections.abc import Mapping

from torch import Tensor

from lpt.backbones.layouts.join_qkv import join_qkv

__all__ = ["from_image_text", "is_image_text"]

_TOWER = "vision_model."
_ROLES = ("q_proj", "k_proj", "v_proj")
_BLOCK = re.compile(r"encoder\.layers\.(\d{1,6})\.(.+)", re.ASCII)
_INNER = {
    "self_attn.out_proj": "attn.proj",
    "layer_norm1": "norm1",
    "layer_norm2": "norm2",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
}
_OUTER = {
    "embeddings.patch_embedding": "patch_embed.proj",
    "pre_layrnorm": "norm_pre",  # transformers' spelling
    "post_layernorm": "norm",
    "head.attention.out_proj": "attn_pool.proj",
    "head.layernorm": "attn_pool.norm",
    "head.mlp.fc1": "attn_pool.mlp.fc1",
    "head.mlp.fc2": "attn_pool.mlp.fc2",
}


def is_image_text(tensors: Mapping[str, Tensor]) -> bool:
    """Whether names are those of a CLIP or SigLIP model, or of its image tower."""
    name = "embeddings.patch_embedding.weight"
    return name in tensors or _TOWER + name in tensors


def from_image_text(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Rename the image tower; the text tower is left out.

    Returns: tensors under timm's names, and what the layout implies.
    """
    whole = any(name.startswith(_TOWER) for name in tensors)
    own = {
        name.removeprefix(_TOWER): tensor
        for name, tensor in tensors.items()
        if not whole or name.startswith(_TOWER)
    }
    found: dict[str, Tensor] = {}
    parts: dict[str, dict[str, Tensor]] = {}
    for name, tensor in own.items():
        block = _BLOCK.fullmatch(name)
        stem, _, kind = (block[2] if block else name).rpartition(".")
        role = stem.removeprefix("self_attn.")
        if block is not None and role in _ROLES:
            parts.setdefault(f"blocks.{block[1]}.attn.qkv.{kind}", {})[role] = tensor
        elif block is not None:
            found[f"blocks.{block[1]}.{_INNER.get(stem, stem)}.{kind}"] = tensor
        elif name == "embeddings.position_embedding.weight":
            found["pos_embed"] = tensor.unsqueeze(0)
        elif name == "embeddings.class_embedding":
            found["cls_token"] = tensor.reshape(1, 1, -1)
        elif name == "head.probe":
            found["attn_pool.latent"] = tensor
        elif name.startswith("head.attention.in_proj_"):
            third = len(tensor) // 3
            kind = name.rpartition("_")[2]
            found[f"attn_pool.q.{kind}"] = tensor[:third].contiguous()
            found[f"attn_pool.kv.{kind}"] = tensor[third:].contiguous()
        elif name != "embeddings.position_ids":
            found[f"{_OUTER.get(stem, stem)}.{kind}"] = tensor
    found |= join_qkv(parts, _ROLES)
    if "cls_token" in found:
        return found, {"layer_norm_eps": "1e-5"}
    return found, {"layer_norm_eps": "1e-6", "activation": "gelu_tanh"}
