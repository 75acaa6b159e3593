"""Predictions of images as records."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from jaxtyping import Float
from torch import Tensor

from lpt.escape import printable

__all__ = ["Prediction", "most_probable"]


@dataclass(frozen=True)
class Prediction:
    """The most probable classes of one image.

    Attributes:
        path: path of the image; "image", or "images[3]" in a list, for one without a path.
        labels: class names, most probable first.
        probabilities: in the order of `labels`. They are calibrated if the task was trained with
            validation images; otherwise they are a softmax of cosine similarities.
        matched: ids of the T matched group prompts, nearest first; empty for a task of phase 1.

    >>> prediction = Prediction("a.jpg", ("wren", "robin"), (0.9, 0.06), (3, 7))
    >>> prediction.labels[0]
    'wren'
    >>> print(prediction)
    a.jpg  wren 90.0%  robin 6.0%
    """

    path: str
    labels: tuple[str, ...]
    probabilities: tuple[float, ...]
    matched: tuple[int, ...]

    def __str__(self) -> str:
        """One line: path, then classes with probabilities."""
        named = zip(self.labels, self.probabilities, strict=True)
        cells = [self.path, *(f"{label} {p:.1%}" for label, p in named)]
        return "  ".join(map(printable, cells))


def most_probable(
    names: Sequence[str],
    probabilities: Float[Tensor, "n C"],
    matched: npt.NDArray[np.int64] | None,
    class_names: Sequence[str],
    top: int,
) -> list[Prediction]:
    """Return the `top` most probable classes of each image, or all if there are fewer.

    Args:
        names: (n,) paths of the images.
        probabilities: (n, C).
        matched: (n, T) ids of group prompts, or None.
        class_names: (C,).
    """
    best = probabilities.topk(min(top, len(class_names)), dim=1)
    return [
        Prediction(
            name,
            tuple(class_names[i] for i in best.indices[row].tolist()),
            tuple(best.values[row].tolist()),
            () if matched is None else tuple(matched[row].tolist()),
        )
        for row, name in enumerate(names)
    ]
