"""Notes about test sets while they are scored."""

from collections.abc import Sequence

from lpt.data.sources.shifted_sets import ShiftedSet
from lpt.progress import listed, plural

__all__ = ["kept_note", "named_notes"]

_LABEL = 10
"""Columns of the word that begins a note, such as "left out"."""


def kept_note(kept: Sequence[str], sets: int) -> str:
    """Name the sets whose predictions were kept from before, and say whether others are new.

    Args:
        kept: names of these sets.
        sets: number of all sets.

    >>> print(kept_note(["test"], 2))
    note      predicted before: test; the other 1 set predicted now (--again predicts all again)
    """
    new = f"; the other {plural(sets - len(kept), 'set')} predicted now" if sets > len(kept) else ""
    return f"note      predicted before: {listed(kept)}{new} (--again predicts all again)"


def named_notes(name: str, opened: Sequence[ShiftedSet]) -> list[str]:
    """Return each note about the data of a set once, with the name of the set.

    Args:
        opened: the set, or those of a folder that holds several.
    """
    notes = dict.fromkeys(note for one in opened for note in one.notes)
    return [f"{note[:_LABEL]}{name}: {note[_LABEL:]}" for note in notes]
