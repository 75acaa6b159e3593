"""What analysis keeps of every image's logits: a few numbers, never the (n, C) matrix.

100,000 images of 8,142 classes have 3.3 GB of logits; their digest takes 12 MB.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
from jaxtyping import Float, Int
from torch import Tensor

from lpt.data.class_groups import ClassGroups
from lpt.errors import ShapeError
from lpt.evaluation import ClassScore, GroupScore

__all__ = ["TOP", "ImageScores", "class_scores", "group_scores", "ratio", "score_images", "summary"]

TOP = 5

Indices = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ImageScores:
    """Digest of predictions, in the order of the split.

    Attributes:
        labels: (n,) given classes.
        top: (n, min(5, C)) classes by descending probability; of equal logits any may come first.
        probability: (n, min(5, C)) of these, softmax(cosine / temperature).
        own: (n,) probability of the given class.
        raw: (n,) probability of the best class at temperature 1: what raw cosines would claim.
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
        """(n,) most probable class."""
        return self.top[:, 0]

    @property
    def confidence(self) -> Floats:
        """(n,) probability of the most probable class."""
        return self.probability[:, 0]

    @property
    def correct(self) -> npt.NDArray[np.bool_]:
        """(n,) whether the most probable class is the given one."""
        right: npt.NDArray[np.bool_] = self.chosen == self.labels
        return right

    @classmethod
    def concatenate(cls, parts: Sequence["ImageScores"]) -> "ImageScores":
        """Batches put one behind the other."""
        return cls(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)))


def score_images(
    logits: Float[Tensor, "B C"], labels: Int[Tensor, " B"], temperature: float
) -> ImageScores:
    """Digest of one batch of cosines.

    Raises: ShapeError if labels and logits do not fit.
    """
    if len(logits) != len(labels) or int(labels.max()) >= logits.shape[1]:
        raise ShapeError(
            f"scores: {len(labels)} labels up to {int(labels.max())} for logits "
            f"{tuple(logits.shape)}. Give logits (n, C) and labels below C."
        )
    labels = labels.to(logits.device)
    best = logits.topk(min(TOP, logits.shape[1]), dim=1)
    scaled = (logits / temperature).float()
    total = scaled.logsumexp(dim=1, keepdim=True)
    probability = (best.values / temperature - total).exp()
    own = (scaled.gather(1, labels[:, None]) - total).exp().squeeze(1)
    raw = (best.values[:, 0] - logits.float().logsumexp(dim=1)).exp()
    return ImageScores(*(t.cpu().numpy() for t in (labels, best.indices, probability, own, raw)))


def class_scores(
    scores: ImageScores, counts: Sequence[int], groups: ClassGroups, names: Sequence[str]
) -> tuple[ClassScore, ...]:
    """Precision, recall and F1 of every class, by the rules of `lpt.evaluation.evaluate`."""
    classes = len(names)
    tested = np.bincount(scores.labels, minlength=classes).tolist()
    predicted = np.bincount(scores.chosen, minlength=classes).tolist()
    correct = np.bincount(scores.labels[scores.correct], minlength=classes).tolist()
    return tuple(
        ClassScore(
            name=names[c],
            group=str(group),
            train_images=int(counts[c]),
            test_images=tested[c],
            predicted=predicted[c],
            correct=correct[c],
            recall=ratio(correct[c], tested[c]),
            precision=ratio(correct[c], predicted[c]),
            f1=ratio(2 * correct[c], tested[c] + predicted[c]),
        )
        for c, group in enumerate(groups.of(counts))
    )


def group_scores(classes: Sequence[ClassScore]) -> dict[str, GroupScore]:
    """Hits of many, medium and few: images of a group pooled."""
    members = {g: [c for c in classes if c.group == g] for g in ("many", "medium", "few")}
    return {
        group: GroupScore(len(own), sum(c.test_images for c in own), sum(c.correct for c in own))
        for group, own in members.items()
    }


def summary(scores: ImageScores, classes: Sequence[ClassScore]) -> dict[str, float | None]:
    """The numbers of `Metrics.summary`: overall, many, medium, few, macro, top5."""
    recalls = [c.recall for c in classes if c.recall is not None]
    inside = (scores.top == scores.labels[:, None]).any(axis=1)
    return {
        "overall": float(scores.correct.mean()),
        **{group: score.accuracy for group, score in group_scores(classes).items()},
        "macro": float(np.mean(recalls)),
        "top5": float(inside.mean()) if len(classes) > TOP else None,
    }


def ratio(part: float, whole: float) -> float | None:
    """A share; None of nothing."""
    return part / whole if whole else None
