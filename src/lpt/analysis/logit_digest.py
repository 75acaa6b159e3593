"""Digest of the logits that an analysis keeps per image: a few numbers, never the (n, C) matrix.

The logits of 100,000 images and 8,142 classes take 3.3 GB; their digest takes 12 MB.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
from jaxtyping import Float, Int
from torch import Tensor

from lpt.data.class_groups import ClassGroups
from lpt.errors import ShapeError
from lpt.evaluation import Metrics
from lpt.evaluation.metrics import TOP, measure

__all__ = ["ImageScores", "measure_scores", "score_images"]

Indices = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ImageScores:
    """Digest of the predictions of n images, in the order of the split.

    Attributes:
        labels: (n,) given classes.
        top: (n, min(5, C)) classes by descending logit; ties as in `lpt.evaluation.metrics`.
        probability: (n, min(5, C)) their probabilities, softmax(cosine / temperature).
        own: (n,) probability of the given class.
        raw: (n,) probability of the best class at temperature 1, that is, without calibration.
    """

    labels: Indices
    top: Indices
    probability: Floats
    own: Floats
    raw: Floats

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def chosen(self) -> Indices:
        """(n,) predicted class."""
        return self.top[:, 0]

    @property
    def confidence(self) -> Floats:
        """(n,) probability of the predicted class."""
        return self.probability[:, 0]

    @property
    def correct(self) -> npt.NDArray[np.bool_]:
        """(n,) whether the predicted class is the given one."""
        right: npt.NDArray[np.bool_] = self.chosen == self.labels
        return right

    @classmethod
    def concatenate(cls, parts: Sequence["ImageScores"]) -> "ImageScores":
        """Join the digests of successive batches."""
        return cls(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)))


def score_images(
    logits: Float[Tensor, "B C"], labels: Int[Tensor, " B"], temperature: float
) -> ImageScores:
    """Digest one batch of logits (cosines).

    Raises: ShapeError if labels and logits do not fit.
    """
    if len(logits) != len(labels) or int(labels.max()) >= logits.shape[1]:
        raise ShapeError(
            f"scores: {len(labels)} labels up to {int(labels.max())} for logits "
            f"{tuple(logits.shape)}. Give logits (n, C) and labels below C."
        )
    labels = labels.to(logits.device)
    ranked = logits.sort(dim=1, descending=True, stable=True)  # topk leaves the order of ties open
    best, top = (part[:, :TOP].contiguous() for part in (ranked.values, ranked.indices))
    scaled = (logits / temperature).float()
    total = scaled.logsumexp(dim=1, keepdim=True)
    probability = (best / temperature - total).exp()
    own = (scaled.gather(1, labels[:, None]) - total).exp().squeeze(1)
    raw = (best[:, 0] - logits.float().logsumexp(dim=1)).exp()
    return ImageScores(*(t.cpu().numpy() for t in (labels, top, probability, own, raw)))


def measure_scores(
    scores: ImageScores, counts: Sequence[int], groups: ClassGroups, names: Sequence[str]
) -> Metrics:
    """Compute the metrics of a digest; they equal `lpt.evaluation.evaluate` of its logits.

    Args:
        counts: (C,) training images per class.
        groups: bounds of the shot groups.
        names: (C,) class names.
    """
    in_top = (scores.top == scores.labels[:, None]).any(axis=1)
    return measure(scores.labels, scores.chosen, in_top, counts, groups, names)
