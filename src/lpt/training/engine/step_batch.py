"""The images of a step with all that chance decides about them, and how to cut them into parts.

Everything is drawn for the whole step before it is cut, so that micro-batches see what one batch
would have seen.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["Inputs", "StepBatch"]

Inputs = Mapping[str, Tensor]
"""Named tensors whose first axis is the image."""


@dataclass(frozen=True)
class StepBatch:
    """A step, or consecutive images of one; the first axis of every tensor is the image.

    Attributes:
        inputs: {"images": ...}, blended already where there is Mixup, or what a stage's frozen half
            made of them; and what the stage left to chance.
        labels: class indices.
        noise: for losses that take it, for every class; None if none does.
        partner_labels: of the image that each one is blended with; None without Mixup.
        share: of the image itself in the blend; None without Mixup.
        first: position of the first image in the step.
        total: images of the whole step.
    """

    inputs: Inputs
    labels: Int[Tensor, " B"]
    noise: Float[Tensor, "B C"] | None
    partner_labels: Int[Tensor, " B"] | None
    share: Float[Tensor, " B"] | None
    first: int
    total: int

    def part(self, rows: slice) -> "StepBatch":
        """Some of the images: views, no copies."""

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
        """One part after the other, each of so many images at most; None gives the whole."""
        size = images or len(self.labels)
        for start in range(0, len(self.labels), size):
            yield self.part(slice(start, min(start + size, len(self.labels))))

    def rows_of_branch(self, branch: int, branches: int) -> slice:
        """Which of these images belong to a branch; empty if none does."""
        size = self.total // branches
        start = max(branch * size, self.first) - self.first
        stop = min((branch + 1) * size, self.first + len(self.labels)) - self.first
        return slice(start, max(start, stop))
