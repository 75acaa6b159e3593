"""All images of a data set as found, before it is split."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lpt.data.image_stores import ImageStore
from lpt.data.image_tree import Problem
from lpt.data.sources.label_rules import class_places, named_by_number
from lpt.errors import DataError
from lpt.progress import listed

__all__ = ["Listing", "SplitWords", "canonical_split", "with_classes"]

Ids = npt.NDArray[np.int64]
Names = npt.NDArray[np.str_]

_SPLITS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}
_UNSPLIT = frozenset({"", "all"})


@dataclass(frozen=True)
class Listing:
    """Images with labels, and with splits if the data has them.

    Attributes:
        name: name in messages.
        class_names: (C,) names in index order.
        named: False if the names are just the numbers of the labels.
        store: source of the encoded images.
        labels: (n,) class indices.
        splits: (n,) train, val or test; "" for images without a split.
        groups: (n,) groups that must not be divided between splits (animal, patient, video), or
            None.
        notes: lines about the data that people should see, such as what was left out.
        problems: faults that keep some images from being used.
    """

    name: str
    class_names: tuple[str, ...]
    named: bool
    store: ImageStore
    labels: Ids
    splits: Names
    groups: Names | None = None
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class SplitWords:
    """Words for splits: the usual ones, and those of the options `split=none` and `splits=`.

    Attributes:
        ignored: True if splits of the data do not count (`split=none`).
        words: word in lower case -> train, val or test.
    """

    ignored: bool = False
    words: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_options(cls, options: Mapping[str, str], source: str) -> "SplitWords":
        """Read the options, such as `splits=holdout:test+eval:val`.

        Raises: DataError naming an option that cannot be understood.
        """
        if options.get("split", "none") != "none":
            raise DataError(
                f"{source}: split={options['split']}: the only choice is split=none, "
                "which ignores the splits of the data."
            )
        words: dict[str, str] = {}
        for part in options["splits"].split("+") if "splits" in options else ():
            word, _, split = part.rpartition(":")
            if not word.strip() or split not in _SPLITS.values():
                raise DataError(
                    f"{source}: splits={options['splits']}: write WORD:SPLIT, joined by +, with "
                    "the splits train, val and test: splits=holdout:test."
                )
            words[word.strip().lower()] = split
        return cls("split" in options, words)

    def split_of(self, word: str) -> str | None:
        """The split that a word means: "" for unsplit data, None for an unknown word."""
        word = word.strip().lower()
        if self.ignored or (word in _UNSPLIT and word not in self.words):
            return ""
        return self.words.get(word, _SPLITS.get(word))

    def words_of(self, files: Sequence[Path]) -> list[str]:
        """The word with which each file name begins, if any of these words is that of a split."""
        words = [match[0] if (match := re.match(r"[A-Za-z]+", path.stem)) else "" for path in files]
        return words if any(map(self.split_of, words)) else [""] * len(files)

    def splits(self, words: Sequence[str], where: str) -> Names:
        """Map the word of each image to train, val, test, or "" for unsplit data.

        Data in which every image has the same unknown word counts as unsplit.

        Args:
            words: (n,) a word per image.
            where: the data and the place of the words, for messages.
        Raises: DataError naming an unknown word.
        """
        meaning = {word: self.split_of(word) for word in dict.fromkeys(words)}
        unknown = [word for word, split in meaning.items() if split is None]
        if unknown and len(meaning) > 1:
            raise DataError(
                f"{where}: unknown split {listed([*map(repr, unknown)])}. Known: train, val, test. "
                f"Give its meaning, as in DATA:splits={unknown[0]}:test, or ignore all splits: "
                "DATA:split=none."
            )
        return np.array([meaning[word] or "" for word in words], dtype="<U5")

    def note(self, words: Sequence[str]) -> tuple[str, ...]:
        """Say that a word for all images is not known, so that the data counts as unsplit."""
        unknown = [word for word in dict.fromkeys(words) if self.split_of(word) is None]
        return tuple(
            f"note      no split is called {word!r} (known: train, val, test): unsplit data"
            for word in unknown[:1]
        )


def canonical_split(name: str) -> str:
    """Map the usual names of splits to train, val or test; anything else (`all`) to "".

    >>> canonical_split("Validation"), canonical_split("all")
    ('val', '')
    """
    return SplitWords().split_of(name) or ""


def with_classes(
    listing: Listing, class_names: Sequence[str], *, by_index: bool = False
) -> Listing:
    """Relabel a listing with indices into `class_names`, matched by name.

    Classes that the listing lacks keep their index.

    Args:
        listing: images with labels.
        class_names: (C,) the class list.
        by_index: labels without names are indices into the class list, unless a class of the list
            is named by a number.
    Raises: DataError naming classes of the listing that are not in `class_names`.
    """
    found = class_places(listing.class_names, class_names)
    if None in found and by_index and not listing.named and not named_by_number(class_names):
        found = [_index(number, len(class_names)) for number in listing.class_names]
    pairs = list(zip(listing.class_names, found, strict=True))
    unknown = [name for name, index in pairs if index is None]
    if unknown:
        raise _unknown_classes(listing, unknown, class_names)
    places = [index for index in found if index is not None]
    other = next(
        ((n, class_names[i]) for n, i in pairs if i is not None and n != class_names[i]), None
    )
    notes = listing.notes
    if other and listing.named:
        notes += (f"note      {listing.name}: {other[0]!r} is taken for the class {other[1]!r}",)
    table = np.array(places, dtype=np.int64)
    return replace(
        listing,
        class_names=tuple(class_names),
        named=True,
        labels=table[listing.labels],
        notes=notes,
    )


def _index(number: str, count: int) -> int | None:
    return int(number) if len(number) < 10 and int(number) < count else None


def _unknown_classes(
    listing: Listing, unknown: Sequence[str], class_names: Sequence[str]
) -> DataError:
    first = (
        f"{listing.name}: {len(unknown)} unknown classes: {listed([*map(repr, unknown)])}. "
        f"The class list has {len(class_names)} names, from {class_names[0]!r} to "
        f"{class_names[-1]!r}"
    )
    if listing.named or named_by_number(class_names):
        return DataError(f"{first}; rename or remove the others.")
    return DataError(
        f"{first}.",
        f"Add the names in a column label_name. If label 0 means {class_names[0]!r}, and so on in "
        "the order of the class list, append :labels=index to the data.",
    )
