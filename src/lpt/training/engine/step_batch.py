"""The inputs of one step with all its random numbers, and how it is split into micro-batches.

Random numbers are drawn for the whole step before it is split, so the result does not depend on the
size of the micro-batches.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["Inputs", "StepBatch"]

Inputs = Mapping[str, Tensor]
"""Tensors by name; their first axis runs over the images."""


@dataclass(frozen=True)
class StepBatch:
    """A step, or consecutive images of a step.

    Attributes:
        inputs: {"images": (B, 3, H, H)}, after Mixup if there is any, or the output of a stage's
            frozen half; besides, the stage's own random inputs, such as a dropout mask.
        labels: (B,) class indices.
        noise: (B, C) for losses with noise; None if no loss needs it.
        partner_labels: (B,) labels of the Mixup partners; None without Mixup.
        share: (B,) Mixup weight of the image itself, in [0, 1]; None without Mixup.
        first: position of the first image in the step.
        total: images in the whole step.
    """

    inputs: Inputs
    labels: Int[Tensor, " B"]
    noise: Float[Tensor, "B C"] | None
    partner_labels: Int[Tensor, " B"] | None
    share: Float[Tensor, " B"] | None
    first: int
    total: int

    def part(self, rows: slice) -> "StepBatch":
        """Select consecutive images, without copying."""

        def cut(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else tensor[rows]

        return StepBatch(
            {name: tensor[rows] for name, tensor in self.inputs.items()},
            self.labels[rows],
            cut(self.noise),
            cut(self.partner_labels),
            cut(self.share),
            self.first + rows.start,
            self.total,
        )

    def parts(self, images: int | None) -> Iterator["StepBatch"]:
        """Split into parts of at most `images` images; None gives a single part."""
        size = images or max(1, len(self.labels))
        for start in range(0, len(self.labels), size):
            yield self.part(slice(start, min(start + size, len(self.labels))))

    def rows_of_branch(self, branch: int, branches: int) -> slice:
        """Return the rows that belong to a branch; an empty slice if there are none."""
        size = self.total // branches
        start = max(branch * size, self.first) - self.first
        stop = min((branch + 1) * size, self.first + len(self.labels)) - self.first
        return slice(start, max(start, stop))
