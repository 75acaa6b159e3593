"""The definition of shot groups (many, medium, few) and of imbalance."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lpt.data.defaults import FEW_BELOW, MANY_ABOVE
from lpt.errors import ConfigError, DataError

__all__ = ["ClassGroups", "imbalance"]

Counts = npt.NDArray[np.integer[Any]] | Sequence[int]


@dataclass(frozen=True)
class ClassGroups:
    """Bounds of the shot groups, by the number of training images of a class.

    A class with more than `many_above` images is many-shot, one with fewer than `few_below` is
    few-shot, and the others are medium-shot, both bounds included. The defaults are the usual ones
    (many > 100, medium 20..100, few < 20). The published Places-LT results count a class of exactly
    20 images as few-shot: `few_below=21`.

    >>> ClassGroups().of([101, 100, 20, 19]).tolist()
    ['many', 'medium', 'medium', 'few']

    Raises: ConfigError if the bounds overlap.
    """

    many_above: int = MANY_ABOVE
    few_below: int = FEW_BELOW

    def __post_init__(self) -> None:
        if not 0 <= self.few_below <= self.many_above + 1:
            raise ConfigError(
                f"class groups: few below {self.few_below} and many above {self.many_above} "
                "overlap. Choose 0 <= few_below <= many_above + 1."
            )

    def of(self, counts: Counts) -> npt.NDArray[np.str_]:
        """Name the group of each class: (C,) training counts -> (C,) "many", "medium", "few"."""
        n = np.asarray(counts)
        return np.where(n > self.many_above, "many", np.where(n < self.few_below, "few", "medium"))

    def members(self, counts: Counts) -> dict[str, npt.NDArray[np.int64]]:
        """Class indices of each group in ascending order; all three keys are always present."""
        names = self.of(counts)
        return {g: np.flatnonzero(names == g).astype(np.int64) for g in ("many", "medium", "few")}

    def describe(self) -> dict[str, str]:
        """Describe the bounds in words, for tables and reports.

        >>> ClassGroups().describe()
        {'many': '> 100 images', 'medium': '20 to 100 images', 'few': '< 20 images'}
        """
        return {
            "many": f"> {self.many_above} images",
            "medium": f"{self.few_below} to {self.many_above} images",
            "few": f"< {self.few_below} images",
        }


def imbalance(counts: Counts) -> float:
    """Size of the largest class over that of the smallest class with images.

    >>> imbalance([500, 50, 5, 0])
    100.0

    Raises: DataError if no class has an image.
    """
    n = np.asarray(counts)
    present = n[n > 0]
    if present.size == 0:
        raise DataError("imbalance: no class has an image. Check the labels of the training split.")
    return float(present.max() / present.min())
