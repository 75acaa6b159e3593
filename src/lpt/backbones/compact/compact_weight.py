"""The weight of a frozen linear layer in bf16 or int8, expanded only while a product needs it."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from lpt.backbones.compact.weight_type import WeightType

__all__ = ["CompactWeight", "expanded"]

_MOST = 127
"""Largest absolute value of an int8 weight; -128 is not used, so that the range is symmetric."""


@dataclass(frozen=True, eq=False)
class CompactWeight:
    """A matrix of weights in fewer bytes; rows are output channels.

    Attributes:
        values: (rows, columns) in bfloat16 or int8.
        scale: (rows, 1) float32, the factor of each row of int8 values; None for bfloat16.

    >>> weight = CompactWeight.of(torch.tensor([[1.0, -0.5], [0.02, 0.005]]), "int8")
    >>> weight.values.tolist()
    [[127, -64], [127, 32]]
    """

    values: Tensor
    scale: Tensor | None = None

    @classmethod
    def of(cls, weight: Float[Tensor, "rows columns"], kind: WeightType) -> "CompactWeight":
        """Round a matrix: to bfloat16, or to 255 equal steps between plus and minus each row's
        largest absolute value.

        Args:
            kind: "bf16" or "int8".
        """
        weight = weight.detach()
        if kind == "bf16":
            return cls(weight.to(torch.bfloat16))
        most = weight.abs().amax(dim=1, keepdim=True).float()
        scale = torch.where(most > 0, most, 1.0) / _MOST
        return cls((weight / scale).round().to(torch.int8), scale)

    @property
    def shape(self) -> torch.Size:
        """Rows and columns."""
        return self.values.shape

    def __getitem__(self, rows: slice) -> "CompactWeight":
        """Return some rows, without a copy."""
        return CompactWeight(self.values[rows], None if self.scale is None else self.scale[rows])

    def to(self, dtype: torch.dtype) -> Float[Tensor, "rows columns"]:
        """Return the matrix as a new tensor of floating-point numbers."""
        if self.scale is None:
            return self.values.to(dtype)
        return (self.values * self.scale).to(dtype)


def expanded(weight: Tensor | CompactWeight) -> Float[Tensor, "rows columns"]:
    """Return a weight as a tensor: itself, or a float32 copy of a compact one."""
    return weight.to(torch.float32) if isinstance(weight, CompactWeight) else weight
