"""What identifies a backbone and what its images must look like."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["BackboneSpec", "hash_weights"]


@dataclass(frozen=True)
class BackboneSpec:
    """Facts about a loaded backbone; a prompt file stores them and refuses another backbone.

    Attributes:
        name: what `load_backbone` takes to load it again, with timm's pretraining tag.
        sha256: `hash_weights` of all tensors but the head, at the size they were stored for. The
            input size does not change it: a backbone has one hash, whatever images it is run on.
        width: D, numbers in a token.
        depth: L, transformer blocks.
        heads: attention heads a block.
        patch_size: pixels along the side of a patch.
        image_size: pixels along the side of the square input.
        num_patches: N, patch tokens of an image.
        mean, std: of red, green, blue in [0, 1]; pixels become (value - mean) / std.
        interpolation: how images are resized, in Pillow's terms ("bicubic", ...).
        layer_norm_eps: of every LayerNorm.
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


def hash_weights(tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of named tensors, as 64 hexadecimal digits.

    Hashed, in ascending order of names, is for each tensor the UTF-8 line
    `NAME DTYPE SHAPE` + newline (`norm.bias float32 192`; axes joined by `x`, a scalar's is empty),
    then its values in row-major order, little-endian. Floating-point tensors count as float32, so
    weights stored in float16 hash like their float32 copy. Device and strides do not matter.
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
