"""Compare an export with the task that it was made of."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lpt.errors import LptError
from lpt.export.check_images import BATCHES, CheckImages
from lpt.records import Output

__all__ = ["TOLERANCE", "Parity", "compare"]

TOLERANCE = {"float32": 1e-4, "float16": 1e-2, "int8": 0.2}
"""Largest accepted difference of a logit, which is a cosine. In float32, matches are equal too."""


@dataclass(frozen=True)
class Parity:
    """How far an export differs from the task.

    Attributes:
        images: number of images compared.
        real_images: whether they were validation images rather than noise.
        logit_error: largest difference of a logit.
        same_matches: share of images with the same matched prompts.
        same_classes: share of images with the same most probable class.
        accuracy, eager_accuracy: of the export and of the task; None for noise.
    """

    images: int
    real_images: bool
    logit_error: float
    same_matches: float
    same_classes: float
    accuracy: float | None
    eager_accuracy: float | None

    def check(self, dtype: str) -> None:
        """Check that the differences are within the tolerance of a data type.

        Raises: LptError saying how far they are apart; nothing should be written then.
        """
        exact = dtype != "float32" or self.same_matches == 1
        if self.logit_error <= TOLERANCE[dtype] and exact:
            return
        remedy = (
            "Please report this."
            if dtype == "float32"
            else "Its backbone needs more digits: take --dtype float32."
        )
        raise LptError(
            f"export: the {dtype} graph differs from the task: logits by {self.logit_error:.1e} "
            f"(allowed {TOLERANCE[dtype]:g}), the same prompts for {self.same_matches:.2%} of "
            f"{self.images:,} images.",
            f"Nothing was written. {remedy}",
        )


def compare(
    task: Callable[[Tensor], Output], export: Callable[[Tensor], Output], check: CheckImages
) -> Parity:
    """Run both on batches of 1, 3, 8 and 64 images, then on all images, and compare the results.

    Args:
        task: the model of lpt.
        export: the export of it.
        check: the images.
    """
    error = max(_difference(task(images), export(images)) for images in check.small_batches())
    matches, classes, best, own = [], [], [], []
    for images in torch.split(check.images, max(BATCHES)):
        wanted, found = task(images), export(images)
        error = max(error, _difference(wanted, found))
        matches.append(_same_matches(wanted, found))
        best.append(wanted.logits.argmax(1))
        own.append(found.logits.argmax(1))
        classes.append(best[-1] == own[-1])
    return Parity(
        len(check.images),
        check.labels is not None,
        error,
        _share(torch.cat(matches)),
        _share(torch.cat(classes)),
        None if check.labels is None else _share(torch.cat(own) == check.labels),
        None if check.labels is None else _share(torch.cat(best) == check.labels),
    )


def _difference(one: Output, other: Output) -> float:
    return float((one.logits - other.logits).abs().max())


def _same_matches(one: Output, other: Output) -> Tensor:
    """Whether each image matches the same set of prompts; their order changes nothing."""
    if one.match is None or other.match is None:
        return torch.ones(len(one.logits), dtype=torch.bool)
    return (one.match.ids.sort(1).values == other.match.ids.sort(1).values).all(1)


def _share(same: Tensor) -> float:
    return float(same.double().mean())
