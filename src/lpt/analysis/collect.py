"""One pass over a split: features of the three models, and a digest of the logits."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from lpt.analysis.logit_digest import ImageScores, score_images
from lpt.data.loading import EvalBatches, ImageDataset, make_loader
from lpt.data.manifest import Split
from lpt.errors import DataError
from lpt.task import Task

__all__ = ["MODELS", "Collected", "collect"]

MODELS = {
    "plain": "plain backbone",
    "phase1": "phase 1: shared prompts",
    "phase2": "phase 2: shared + group prompts",
}
"""Models whose features are compared, in order: name in files -> title for people."""


@dataclass(frozen=True)
class Collected:
    """Features and scores of a split, in the split's order.

    Attributes:
        features: (n, D) float32 by name of `MODELS`: class token after the final norm. Phase 1's
            features are the queries of phase 2, because its shared prompts are frozen by then. A
            task without phase 2 has no "phase2".
        scores: digest of the trained model's logits.
    """

    features: dict[str, npt.NDArray[np.float32]]
    scores: ImageScores

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """(n,) given classes."""
        return self.scores.labels

    @property
    def final(self) -> npt.NDArray[np.float32]:
        """(n, D) features that the classifier uses."""
        return self.features["phase2" if "phase2" in self.features else "phase1"]


def collect(
    task: Task,
    split: Split,
    *,
    batch: int = 64,
    workers: int = 0,
    on_batch: Callable[[int], None] | None = None,
) -> Collected:
    """Run the plain backbone and the trained model over a split. Memory: 12 n D bytes.

    Args:
        batch: images per forward pass.
        workers: processes that load images; 0 loads in this one.
        on_batch: called with the number of images after each batch, to report progress.
    Raises: DataError if the split has no images or one of them cannot be read.
    """
    if not len(split):
        raise DataError(f"{split.name}: no images to analyse. Give data with images.")
    model = task.model
    device = next(model.parameters()).device
    names = list(MODELS)[: 1 + task.spec.phases]
    features = {
        name: np.empty((len(split), model.backbone.feature_width), dtype=np.float32)
        for name in names
    }
    scores: list[ImageScores] = []
    loader = make_loader(
        ImageDataset(split, task.transform), EvalBatches(len(split), batch), workers=workers
    )
    done = 0
    with torch.inference_mode():
        for images in loader:
            pixels = images.images.to(device)
            output = model.predict(pixels)
            found = (model.backbone(pixels), output.query, output.feature)
            rows = slice(done, done + len(images.labels))
            for name, values in zip(names, found, strict=False):
                features[name][rows] = values.float().cpu().numpy()
            scores.append(score_images(output.logits, images.labels, task.spec.temperature))
            done += len(images.labels)
            if on_batch is not None:
                on_batch(len(images.labels))
    return Collected(features, ImageScores.concatenate(scores))
