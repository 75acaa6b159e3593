"""Images on which an export is compared with the task: its validation images, or noise."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from lpt.data.loading import EvalBatches, ImageDataset, make_loader
from lpt.errors import LptError
from lpt.task import Task
from lpt.training.run.run_data import data_of_run

__all__ = ["BATCHES", "CheckImages", "check_images"]

BATCHES = (1, 3, 8, 64)
"""Sizes of the batches that are compared first; then all images follow in batches of 64."""


@dataclass(frozen=True)
class CheckImages:
    """Transformed images to compare on.

    Attributes:
        images: (n, 3, H, H).
        labels: (n,) class indices; None for noise.
    """

    images: Float[Tensor, "n 3 H H"]
    labels: Int[Tensor, " n"] | None

    def small_batches(self) -> Iterator[Float[Tensor, "B 3 H H"]]:
        """Yield a batch of each size; where there are too few images, some appear again."""
        for size in BATCHES:
            yield self.images[torch.arange(size) % len(self.images)]


COMPARED = {"float32": 256, "float16": 256, "int8": 1000}
"""Validation images that a data type is compared on; for int8 the accuracy matters, too."""

MOST_BYTES = 2**29
"""Of all images together: 891 at 224 pixels."""


def check_images(run: Path, task: Task, dtype: str) -> CheckImages:
    """Return the validation images of a run, or noise if its data is not at hand.

    Args:
        run: run folder or task file.
        task: the loaded task.
        dtype: of the export. Of more validation images than `COMPARED`, or than `MOST_BYTES` hold,
            an even selection is taken.
    """
    side = task.spec.backbone.image_size
    try:
        data = data_of_run(run, task.class_names)
        split = None if data is None else data.splits.get("val")
        if split is not None and len(split):
            limit = min(COMPARED[dtype], MOST_BYTES // (12 * side * side))
            chosen = np.unique(np.linspace(0, len(split) - 1, limit).astype(np.int64))
            dataset = ImageDataset(split.take(chosen), task.transform)
            batches = list(make_loader(dataset, EvalBatches(len(chosen), 64), workers=0))
            return CheckImages(
                torch.cat([batch.images for batch in batches]),
                torch.cat([batch.labels for batch in batches]),
            )
    except LptError:
        pass  # noise serves as well; only the accuracy is not known then
    generator = torch.Generator().manual_seed(0)
    return CheckImages(torch.randn(max(BATCHES), 3, side, side, generator=generator), None)
