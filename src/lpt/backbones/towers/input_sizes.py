"""The input sizes that a backbone takes: multiples of its patch, up to a largest one."""

import math
import warnings
from typing import Any

from lpt.errors import BackboneError

__all__ = ["input_sizes", "patch_size", "resize_input"]

_MOST_TIMES = 4
_MOST_PATCHES = 4096
"""Largest input: this multiple of the native side, and patches per image. Attention takes time and
memory with the square of the patches."""


def patch_size(model: Any) -> int:
    """Return the side of a patch in pixels."""
    side: int = model.patch_embed.img_size[0] // model.patch_embed.grid_size[0]
    return side


def input_sizes(model: Any) -> range:
    """Return the sides in pixels that a model takes, from its size now.

    >>> import timm
    >>> sizes = input_sizes(timm.create_model("vit_small_patch16_224"))
    >>> sizes[0], sizes[-1], 224 in sizes, 225 in sizes
    (16, 896, True, False)
    """
    patch, native = patch_size(model), model.patch_embed.img_size[0]
    most = min(_MOST_TIMES * native // patch, math.isqrt(_MOST_PATCHES)) * patch
    return range(patch, max(most, native) + 1, patch)


def resize_input(name: str, model: Any, image_size: int | None) -> None:
    """Fit the positions of a model to another input size, if it differs.

    Args:
        name: of the backbone, for messages.
        image_size: side in pixels; None keeps the model's own.
    Raises: BackboneError if the size is no multiple of the patch size, or too large.
    """
    native = model.patch_embed.img_size[0]
    if image_size is None or image_size == native:
        return
    sizes = input_sizes(model)
    if image_size < sizes.step or image_size % sizes.step:
        lower = max(image_size // sizes.step, 1) * sizes.step
        raise BackboneError(
            f"image_size {image_size}: {name} needs a multiple of its patch size {sizes.step}, "
            f"such as {lower} or {lower + sizes.step}."
        )
    if image_size > sizes[-1]:
        raise BackboneError(
            f"image_size {image_size}: {name} was trained at {native} pixels; "
            f"choose {sizes[-1]} or less."
        )
    with warnings.catch_warnings():  # of torch, about timm's interpolation of biases
        warnings.simplefilter("ignore", UserWarning)
        model.set_input_size((image_size, image_size))
