"""Rotary positions: queries and keys of patches are rotated by an angle that depends on the place.

Prefix tokens (class, registers) are not rotated, and neither are prompts: they have no position.

Source: RoPE-ViT (Heo et al., ECCV 2024); EVA-02 (Fang et al., 2023); DINOv3 (Simeoni et al., 2025).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from timm.layers import apply_rot_embed
from torch import Tensor

__all__ = ["RotaryPositions", "Rotation"]


class Rotation(NamedTuple):
    """Sine and cosine for every token of one block; prefix tokens have sine 0 and cosine 1."""

    sin: Float[Tensor, "*heads tokens head_width"]
    cos: Float[Tensor, "*heads tokens head_width"]

    def rotated(
        self, x: Float[Tensor, "B heads tokens head_width"], *, half: bool
    ) -> Float[Tensor, "B heads tokens head_width"]:
        """Rotate queries or keys.

        Args:
            half: whether the two numbers of a pair are half a head apart, and not neighbours.
        """
        out: Tensor = apply_rot_embed(x, self.sin, self.cos, half=half)
        return out


class RotaryPositions:
    """The rotations of a timm `Eva` for all blocks, made once per input size and device.

    Args:
        model: has `rope` (None for a model without rotary positions) and `patch_embed`.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self._made: tuple[object, Sequence[Rotation]] | None = None

    def of_block(self, index: int) -> Rotation | None:
        """Return the rotation of a block; None for a model without rotary positions."""
        if self.model.rope is None:
            return None
        kernel = self.model.patch_embed.proj.weight
        key = (tuple(self.model.patch_embed.grid_size), kernel.device, kernel.dtype)
        made = self._made
        if made is not None and made[0] == key:
            return made[1][index]
        if torch.compiler.is_compiling():  # a tensor of a trace must not outlive it
            return self._rotations()[index]
        with torch.inference_mode(False), torch.no_grad():  # so that training can use them as well
            self._made = made = key, self._rotations()
        return made[1][index]

    def of_timm(self) -> Sequence[Tensor] | None:
        """Return the positions of each block in the form in which timm's blocks take them."""
        rope, depth = self.model.rope, len(self.model.blocks)
        if rope is None:
            return None
        fixed = getattr(rope, "feat_shape", None) is not None
        made = rope.get_embed(None if fixed else self.model.patch_embed.grid_size)
        return list(made) if self.model.rope_mixed else [made] * depth

    def _rotations(self) -> Sequence[Rotation]:
        made = self.of_timm()
        assert made is not None
        if self.model.rope_mixed:
            return [self._with_prefix(own) for own in made]
        return [self._with_prefix(made[0])] * len(made)

    def _with_prefix(self, made: Tensor) -> Rotation:
        prefix = self.model.num_prefix_tokens
        sin, cos = made.chunk(2, -1)
        still = (*sin.shape[:-2], prefix, sin.shape[-1])
        return Rotation(
            torch.cat([sin.new_zeros(still), sin], -2), torch.cat([cos.new_ones(still), cos], -2)
        )
