"""Infer the architecture of a ViT from the shapes of its tensors.

This serves weight files without the name of a timm architecture. Tensor names are timm's. The
file's metadata states what shapes cannot:

    num_heads       default D / 64, since a head is 64 wide in nearly all ViTs
    activation      "gelu" (default), "gelu_tanh" or "quick_gelu"; required for pre-norm (CLIP)
                    towers, which exist with both
    rotary          "dinov3" for rotary positions as in DINOv3, with `rope_temperature` (default
                    100) and `image_size` (default 224); default: learned positions
"""

import math
from collections.abc import Mapping
from typing import Any

from timm.models.deit import VisionTransformerDistilled
from timm.models.eva import Eva
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from lpt.backbones.layouts.dinov3 import eva_arguments
from lpt.backbones.spec import check_sizes
from lpt.backbones.weight_file import Checkpoint
from lpt.errors import BackboneError

__all__ = ["infer_vit"]

_HEAD_WIDTH = 64
_AXES = {
    "patch_embed.proj.weight": 4,
    "pos_embed": 3,
    "cls_token": 3,
    "reg_token": 3,
    "blocks.0.mlp.fc1.weight": 2,
    "blocks.0.mlp.fc2.weight": 2,
}


def infer_vit(checkpoint: Checkpoint) -> nn.Module:
    """Build an untrained model whose tensors have the shapes of this checkpoint.

    Raises: BackboneError if the tensors are not those of a plain ViT or a DINOv3.
    """
    path, tensors = checkpoint.path, checkpoint.tensors
    try:
        rotary = checkpoint.metadata.get("rotary") == "dinov3"
        arguments = (_eva if rotary else _arguments)(tensors, checkpoint.metadata)
    except KeyError as error:
        raise BackboneError(
            f"{path}: has no tensor {error}, so its architecture cannot be inferred.",
            checkpoint.remedy,
        ) from error
    except ValueError as error:
        raise BackboneError(f"{path}: {error}", checkpoint.remedy) from error
    check_sizes(str(path), depth=arguments["depth"], width=arguments["embed_dim"])
    kind: type[nn.Module] = Eva
    if not rotary:
        kind = VisionTransformerDistilled if "dist_token" in tensors else VisionTransformer
    return kind(**arguments)


def _eva(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> dict[str, Any]:
    heads = _heads(tensors["patch_embed.proj.weight"].shape[0], metadata)
    return eva_arguments(tensors, metadata, _depth(tensors), heads)


def _arguments(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> dict[str, Any]:
    kernel = tensors["patch_embed.proj.weight"]
    positions = tensors["pos_embed"]
    hidden = tensors["blocks.0.mlp.fc1.weight"]
    for name, axes in _AXES.items():
        if name in tensors and tensors[name].dim() != axes:
            raise ValueError(f"{name} has {tensors[name].dim()} axes, not {axes}.")
    cls_token = tensors.get("cls_token")
    if cls_token is not None and cls_token.shape[-1] != kernel.shape[0]:
        raise ValueError("cls_token and patch_embed.proj.weight are of different widths.")
    width, channels, patch, across = kernel.shape
    if channels != 3 or patch != across:
        raise ValueError(f"patches of {channels} x {patch} x {across}; they must be 3 x P x P.")
    if tensors["blocks.0.mlp.fc2.weight"].shape != hidden.shape[::-1]:
        raise ValueError(
            "the MLP is not two plain layers (perhaps gated), which shapes cannot show."
        )
    registers = tensors["reg_token"].shape[1] if "reg_token" in tensors else 0
    special = (cls_token is not None) + registers + ("dist_token" in tensors)
    grid, no_embed_class = _grid(positions.shape[1], special)
    return {
        "img_size": grid * patch,
        "patch_size": patch,
        "embed_dim": width,
        "depth": _depth(tensors),
        "num_heads": _heads(width, metadata),
        "mlp_ratio": (hidden.shape[0] + 0.5) / width,  # timm rounds the product down
        "qkv_bias": "blocks.0.attn.qkv.bias" in tensors,
        "qk_norm": "blocks.0.attn.q_norm.weight" in tensors,
        "scale_attn_norm": "blocks.0.attn.norm.weight" in tensors,
        "scale_mlp_norm": "blocks.0.mlp.norm.weight" in tensors,
        "proj_bias": "blocks.0.attn.proj.bias" in tensors,
        "init_values": 1.0 if "blocks.0.ls1.gamma" in tensors else None,
        "class_token": cls_token is not None,
        "global_pool": _pool(tensors),
        "reg_tokens": registers,
        "no_embed_class": no_embed_class,
        "pre_norm": "norm_pre.weight" in tensors,
        "final_norm": "norm.weight" in tensors or "fc_norm.weight" in tensors,
        "fc_norm": "fc_norm.weight" in tensors,
        "act_layer": _activation(metadata, pre_norm="norm_pre.weight" in tensors),
        "num_classes": 0,
    }


def _pool(tensors: Mapping[str, Tensor]) -> str:
    """Return how timm makes one vector of all tokens."""
    if "attn_pool.latent" in tensors:
        return "map"
    return "token" if "cls_token" in tensors else "avg"


def _grid(positions: int, special: int) -> tuple[int, bool]:
    """Return patches per side, and whether class and register tokens have no positions.

    Registers usually have none (DINOv2), so that reading is preferred if both fit.
    """
    readings = [(positions - special, False), (positions, True)]
    for patches, no_embed_class in reversed(readings) if special > 1 else readings:
        grid = math.isqrt(max(patches, 0))
        if grid > 0 and grid * grid == patches:
            return grid, no_embed_class
    raise ValueError(f"pos_embed of {positions} positions does not fit a square grid of patches.")


def _depth(tensors: Mapping[str, Tensor]) -> int:
    numbers = {name.split(".")[1] for name in tensors if name.startswith("blocks.")}
    if numbers != {str(i) for i in range(len(numbers))}:
        raise ValueError("blocks are not numbered 0, 1, 2, ... without gaps.")
    return len(numbers)


def _heads(width: int, metadata: Mapping[str, str]) -> int:
    text = metadata.get("num_heads", str(width // _HEAD_WIDTH))
    heads = int(text) if text.isdecimal() and len(text) < 6 else 0
    if heads < 1 or width % heads:
        raise ValueError(
            f"width {width} is not divisible by {text[:20]} heads; set num_heads in its metadata."
        )
    return heads


def _activation(metadata: Mapping[str, str], *, pre_norm: bool) -> str:
    activation = metadata.get("activation", "" if pre_norm else "gelu")
    known = {name: name for name in ("gelu", "gelu_tanh", "quick_gelu")}
    known["gelu_pytorch_tanh"] = "gelu_tanh"  # transformers' name
    if activation not in known:
        raise ValueError(
            f"activation {activation[:20]!r} in its metadata; a pre-norm (CLIP) tower must state "
            "gelu or quick_gelu."
        )
    return known[activation]
