"""Identity of a backbone, and the preprocessing of its images."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from lpt.backbones.towers.feature_name import FeatureName
from lpt.errors import BackboneError

__all__ = ["MAX_PARAMETERS", "BackboneSpec", "check_sizes", "hash_weights"]

MAX_DEPTH = 100
MAX_WIDTH = 8192
MAX_PARAMETERS = 4 * 10**9
"""Larger than any ViT that is published with weights."""


def check_sizes(name: str, *, depth: int, width: int) -> None:
    """Check the sizes of a model before it is built, each and together.

    Args:
        name: of the backbone, for the message.
        depth: blocks.
        width: numbers per token.
    Raises: BackboneError if it would be larger than any published ViT.
    """
    attention = 4 * depth * width**2
    if depth > MAX_DEPTH or width > MAX_WIDTH or attention > MAX_PARAMETERS:
        raise BackboneError(
            f"{name}: {depth:,} blocks of width {width:,} are more than any published ViT has. "
            "Choose another backbone."
        )


@dataclass(frozen=True)
class BackboneSpec:
    """Facts about a loaded backbone; a task file stores them and rejects any other backbone.

    Attributes:
        name: the name by which `load_backbone` loads it again, with timm's pretraining tag.
        sha256: `hash_weights` of all tensors except the head, at the input size they were stored
            for. A backbone has one hash, whatever its input size.
        width: D, numbers per token.
        depth: L, transformer blocks.
        heads: attention heads per block.
        patch_size: side of a patch in pixels.
        image_size: side of the square input in pixels.
        num_patches: N, patch tokens per image.
        mean, std: of red, green, blue in [0, 1]; pixels become (value - mean) / std.
        interpolation: resampling filter by Pillow's name ("bicubic", ...).
        layer_norm_eps: of every LayerNorm.
        feature: how the feature is read: "own" or "class+patches"
            (`lpt.backbones.towers.feature`).
    """

    name: str
    sha256: str
    width: int
    depth: int
    heads: int
    patch_size: int
    image_size: int
    num_patches: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: str
    layer_norm_eps: float
    feature: FeatureName = "own"


def hash_weights(tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of named tensors, as 64 hexadecimal digits.

    For each tensor, in ascending order of names, it hashes the UTF-8 line `NAME DTYPE SHAPE` +
    newline (`norm.bias float32 192`; axes are joined by `x`, a scalar's shape is empty), and then
    the values in row-major order, little-endian. Floating-point tensors are converted to float32,
    so weights stored in float16 hash like their float32 copy. Device and strides do not matter.

    >>> hash_weights({"w": torch.zeros(2)})[:12] == hash_weights({"w": torch.zeros(2).half()})[:12]
    True
    """
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu()
        if tensor.is_floating_point():
            tensor = tensor.to(torch.float32)
        values = tensor.contiguous().numpy()
        shape = "x".join(map(str, values.shape))
        digest.update(f"{name} {values.dtype.name} {shape}\n".encode())
        digest.update(values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes())
    return digest.hexdigest()
