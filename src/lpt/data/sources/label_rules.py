"""Labels to classes, and classes to those of a trained task: names decide.

An integer is the name of a class like any other text. It orders the classes, but it is an index
into a list of classes only where the caller knows that it is.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lpt.data.sources.table_columns import LIST_WORDS, TableWords, without_zeros
from lpt.errors import DataError
from lpt.progress import listed

__all__ = [
    "check_labels",
    "class_indices",
    "class_places",
    "integer_value",
    "look_alikes",
    "named_by_number",
    "stray_names",
]

Ids = npt.NDArray[np.int64]
Names = npt.NDArray[np.str_]

_INTEGER = re.compile(r"(-?)([0-9]+)(?:\.0+)?")
_PADDED = re.compile(r"-?0[0-9]")
_BLANKS = re.compile(r"[\s\u200b\u200c\u200d\u2060\ufeff]+")


def integer_value(text: str) -> str | None:
    """The digits of an integer or whole float, without leading zeros; None for other text.

    Integers of any length are compared as text, because Python limits the length of numbers.

    >>> integer_value("007"), integer_value("10.0"), integer_value("-0"), integer_value("1.5")
    ('7', '10', '0', None)
    """
    match = _INTEGER.fullmatch(text)
    if match is None:
        return None
    digits = match[2].lstrip("0") or "0"
    return digits if digits == "0" else match[1] + digits


def check_labels(texts: Sequence[str], where: str, words: TableWords = LIST_WORDS) -> None:
    """Refuse negative labels, which mark images without a label in many data sets.

    Raises: DataError naming the first entries.
    """
    negative = {text for text in set(texts) if (integer_value(text) or "").startswith("-")}
    if negative:
        entries = [entry for entry, text in enumerate(texts) if text in negative]
        raise DataError(
            f"{words.at(where, entries)}: label {listed(sorted(negative))} is negative. "
            "Count labels from 0; remove images without a label."
        )


def class_indices(
    labels: npt.NDArray[np.generic], names: Names | None, where: str
) -> tuple[tuple[str, ...], Ids, bool]:
    """Number the classes: by label if all labels are integers, else by sorted name.

    Whole floats are integers. Labels with leading zeros keep them.

    Args:
        labels: (n,) integers, or names.
        names: (n,) name of each label, if known.
        where: name of the data in messages.
    Returns: class names in index order, (n,) indices, and whether the names are more than integers.
    Raises: DataError if a label is negative, has different names, or is written in two ways (1 and
        01).
    """
    texts: list[str] = labels.astype(np.str_).tolist()
    check_labels(texts, where)
    found = sorted(set(texts))
    values = [integer_value(text) for text in found]
    if None in values:
        if names is not None:
            raise DataError(
                f"{where}: has label names and also labels such as "
                f"{found[values.index(None)]!r}. Write integers as labels, or remove the label "
                "names."
            )
        return _distinct(found, where), _positions(texts, found), True
    padded = any(_PADDED.match(text) for text in found)
    written = [
        without_zeros(text) if padded else str(value)
        for text, value in zip(found, values, strict=True)
    ]
    _check_one_spelling(written, where)
    distinct = sorted(set(written), key=_by_number)
    spelling = dict(zip(found, written, strict=True))
    index = _positions([spelling[text] for text in texts], distinct)
    if names is None:
        return tuple(distinct), index, padded
    by_label: dict[str, str] = {}
    for text, name in zip(texts, names.tolist(), strict=True):
        first = by_label.setdefault(spelling[text], name)
        if first != name:
            raise DataError(
                f"{where}: label {spelling[text]} is called both {first!r} and {name!r}. "
                "Give each label one name."
            )
    return _distinct([by_label[text] for text in distinct], where), index, True


def class_places(names: Sequence[str], class_names: Sequence[str]) -> list[int | None]:
    """Find classes by name in the class list of a task: an index for each name, or None.

    A name that is not there may differ in the form of its accents, or be the same integer written
    differently (001, 1 and 1.0); it is matched if no other class could be meant.

    >>> class_places(["owl", "007", "bat"], ["7", "owl"])
    [1, 0, None]
    """
    place = {name: index for index, name in enumerate(class_names)}
    found = [place.get(name) for name in names]
    for form in (_composed, integer_value):
        forms = Counter(form(name) for name in class_names)
        by_form = {form(name): index for index, name in enumerate(class_names)}
        wanted = Counter(form(name) for name in names)
        taken = {index for index in found if index is not None}
        for position, name in enumerate(names):
            value = form(name)
            if found[position] is not None or value is None:
                continue
            only = forms[value] == wanted[value] == 1
            if only and by_form[value] not in taken:
                found[position] = by_form[value]
    return found


def look_alikes(names: Sequence[str]) -> tuple[str, ...]:
    """Notes on classes whose names differ only in blanks.

    >>> look_alikes(["big cat", "bigcat", "owl"])
    ("note      classes 'big cat' and 'bigcat' differ only in blanks",)
    """
    seen: dict[str, str] = {}
    pairs = [(seen.setdefault(_BLANKS.sub("", name), name), name) for name in names]
    return tuple(
        f"note      classes {first!a} and {name!a} differ only in blanks"
        for first, name in pairs
        if first != name
    )


def stray_names(names: Sequence[str]) -> tuple[str, ...]:
    """A note if a few labels that are no integers make names of all integers.

    >>> stray_names(["0", "1", "owl", "2"])
    ("note      label 'owl' is no integer, so all labels are names of classes",)
    """
    words = [name for name in names if integer_value(name) is None]
    if not words or len(words) * 2 >= len(names):
        return ()
    found = listed([ascii(word) for word in words])
    told = f"label {found} is no integer" if len(words) == 1 else f"labels {found} are no integers"
    return (f"note      {told}, so all labels are names of classes",)


def named_by_number(class_names: Sequence[str]) -> bool:
    """Whether any class is named by an integer, so that a number is a name and not an index."""
    return any(integer_value(name) is not None for name in class_names)


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _by_number(text: str) -> tuple[int, str]:
    value = integer_value(text) or ""
    return len(value), value


def _check_one_spelling(written: list[str], where: str) -> None:
    by_value: dict[str | None, str] = {}
    for text in written:
        other = by_value.setdefault(integer_value(text), text)
        if other != text:
            raise DataError(
                f"{where}: labels {other!r} and {text!r} are the same number. "
                "Write each label in one way."
            )


def _positions(texts: Sequence[str], distinct: Sequence[str]) -> Ids:
    place = {text: position for position, text in enumerate(distinct)}
    return np.array([place[text] for text in texts], dtype=np.int64)


def _distinct(names: Sequence[str], where: str) -> tuple[str, ...]:
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise DataError(
            f"{where}: the name {repeated[0]!r} belongs to several labels. "
            "Give each label its own name."
        )
    if "" in names:
        raise DataError(f"{where}: a class has an empty name. Name every class.")
    return tuple(names)
