"""Tables of images, as read from lists and Parquet files, to listings."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lpt.data.image_stores import ImageStore
from lpt.data.sources.label_rules import (
    check_labels,
    class_indices,
    integer_value,
    look_alikes,
    stray_names,
)
from lpt.data.sources.listing import Listing, SplitWords
from lpt.data.sources.table_columns import Column, Table, clean, without_zeros
from lpt.errors import DataError

__all__ = ["LABELS", "ROLES", "Entries", "entries_of", "listing_of_entries"]

Names = npt.NDArray[np.str_]

LABELS = ("label", "labels", "fine_label", "class", "target")
_NAMES = ("label_name", "class_name")
ROLES = (LABELS, _NAMES, ("split",))
"""Names of the columns that describe images, the preferred name first."""


@dataclass(frozen=True)
class Entries:
    """The normalised columns of a table.

    Attributes:
        labels: (n,) labels, none of which is empty or negative.
        names: (n,) names of the labels, or None.
        words: (n,) words for splits.
        words_in: where these words are, for messages.
        groups: (n,) groups, or None.
        notes: lines about the table that people should see.
    """

    labels: Names
    names: Names | None
    words: list[str]
    words_in: str
    groups: Names | None
    notes: tuple[str, ...] = ()


def entries_of(
    table: Table,
    *,
    group_by: str | None = None,
    label_names: Sequence[str] | None = None,
    word: str = "",
) -> Entries:
    """Normalise the columns `label`, `label_name`, `split` and that of groups.

    Args:
        table: the columns.
        group_by: column of groups that must not be divided between splits.
        label_names: names of the labels 0, 1, ..., if the format of the data has them.
        word: word for the split of all entries if the table has no column `split`.
    Raises: DataError naming the table, the column or entry, and the fault.
    """
    where, label, name = table.where, table.find(*LABELS), table.find(*_NAMES)
    if label is None and name is None:
        raise table.lacks("label")
    labels = (label or name or Column("", [])).complete(where, table.words)
    check_labels(labels.tolist(), where, table.words)
    names = None
    if label is not None and name is not None:
        names = np.array(name.cleaned(), dtype=np.str_)
    elif label_names is not None:
        names = _names_by_number(labels, label_names, where)
    elif label is None:
        names = labels  # names of classes, even where they look like numbers
    split, words, words_in = table.find("split"), [word] * len(labels), where
    if split is not None:
        words = [without_zeros(value) for value in split.cleaned()]
        words_in = f"{where}: column {clean(split.name)!r}"
        words_in += f" ({split.kind})" if split.kind else ""
    group = groups = None
    if group_by is not None:
        group = table.need(group_by, "to group by")
        values = group.complete(where, table.words)
        groups = np.array([without_zeros(value) for value in values.tolist()], dtype=np.str_)
    read = [column for column in (label, name, split, group) if column is not None]
    notes = tuple(note for column in read for note in column.odd_blanks())
    return Entries(labels, names, words, words_in, groups, notes)


def listing_of_entries(
    name: str, parts: Sequence[Entries], store: ImageStore, splits: SplitWords
) -> Listing:
    """Make a listing of normalised tables.

    Args:
        name: the data, for messages.
        parts: the tables, in the order of the images of `store`.
        store: the images.
        splits: words for splits.
    Raises: DataError for labels or words that contradict each other.
    """
    if len({part.names is None for part in parts}) > 1:
        raise DataError(f"{name}: only some files have label names. Add them to all, or to none.")
    labels = np.concatenate([part.labels for part in parts])
    names = [part.names for part in parts if part.names is not None]
    groups = [part.groups for part in parts if part.groups is not None]
    numbered = all(integer_value(label) is not None for label in set(labels.tolist()))
    same = all(part.names is part.labels for part in parts)
    class_names, index, named = class_indices(
        labels, np.concatenate(names) if names and (numbered or not same) else None, name
    )
    words = [word for part in parts for word in part.words]
    return Listing(
        name=name,
        class_names=class_names,
        named=named,
        store=store,
        labels=index,
        splits=splits.splits(words, parts[0].words_in if len(parts) == 1 else name),
        groups=np.concatenate(groups) if groups else None,
        notes=tuple(
            dict.fromkeys(
                [
                    *(note for part in parts for note in part.notes),
                    *look_alikes(class_names),
                    *(() if names else stray_names(class_names)),
                    *splits.note(words),
                ]
            )
        ),
    )


def _names_by_number(labels: Names, label_names: Sequence[str], where: str) -> Names | None:
    """Names of integer labels; None if the labels are names already."""
    numbers = {label: integer_value(label) for label in set(labels.tolist())}
    if None in numbers.values():
        return None
    for number in numbers.values():
        if len(str(number)) > 9 or int(str(number)) >= len(label_names):
            raise DataError(
                f"{where}: label {number} with only {len(label_names)} class names in the file. "
                "Choose a split that has labels."
            )
    by_label = {label: label_names[int(str(number))] for label, number in numbers.items()}
    return np.array([by_label[label] for label in labels.tolist()], dtype=np.str_)
