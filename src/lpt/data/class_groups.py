"""THE definition of many-, medium- and few-shot classes, and of imbalance."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lpt.errors import ConfigError, DataError

__all__ = ["ClassGroups", "imbalance"]

Counts = npt.NDArray[np.integer[Any]] | Sequence[int]


@dataclass(frozen=True)
class ClassGroups:
    """Classes by their number of training images: many, medium and few.

    A class with more than `many_above` images is many-shot, one with fewer than `few_below` is
    few-shot, and the rest, both bounds included, is medium-shot. The defaults are the field's usual
    bins (many > 100, medium 20..100, few < 20); `few_below=21` gives the bins of the published
    Places-LT row, where a class of exactly 20 images is few-shot.

    Raises: ConfigError if the bounds leave no room for medium-shot classes.
    """

    many_above: int = 100
    few_below: int = 20

    def __post_init__(self) -> None:
        if not 0 <= self.few_below <= self.many_above + 1:
            raise ConfigError(
                f"class groups: few below {self.few_below} and many above {self.many_above} "
                "overlap. Choose 0 <= few_below <= many_above + 1."
            )

    def of(self, counts: Counts) -> npt.NDArray[np.str_]:
        """Name the group of each class: (C,) training counts -> (C,) of many, medium, few."""
        n = np.asarray(counts)
        return np.where(n > self.many_above, "many", np.where(n < self.few_below, "few", "medium"))

    def members(self, counts: Counts) -> dict[str, npt.NDArray[np.int64]]:
        """Class indices of each group, always all three keys, in ascending order."""
        names = self.of(counts)
        return {g: np.flatnonzero(names == g).astype(np.int64) for g in ("many", "medium", "few")}

    def describe(self) -> dict[str, str]:
        """The bounds in words, for tables and reports.

        >>> ClassGroups().describe()
        {'many': '> 100 images', 'medium': '20 to 100 images', 'few': '< 20 images'}
        """
        return {
            "many": f"> {self.many_above} images",
            "medium": f"{self.few_below} to {self.many_above} images",
            "few": f"< {self.few_below} images",
        }


def imbalance(counts: Counts) -> float:
    """Largest class over smallest class that has images at all.

    Raises: DataError if no class has an image.
    """
    n = np.asarray(counts)
    present = n[n > 0]
    if present.size == 0:
        raise DataError("imbalance: no class has an image. Check the labels of the training split.")
    return float(present.max() / present.min())
