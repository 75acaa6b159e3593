"""Class names that a user gives, found among those of a task."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import TypeVar

from lpt.errors import LptError, ParameterError
from lpt.escape import shortened

__all__ = ["class_index", "unknown_class"]

MOST_COMPARED = 10_000
"""Classes; comparing a name with more of them takes seconds."""

LONGEST_COMPARED = 200  # characters of a name that is compared with others
_LONGEST_SHOWN = 100

Error = TypeVar("Error", bound=LptError)


def class_index(names: Sequence[str], given: str, where: str = "") -> int:
    """Return the index of a class.

    Args:
        names: (C,) class names.
        given: the name to find; the case of letters counts.
        where: file or argument that the name came from, for the message.
    Raises: ParameterError naming the nearest classes if there is none of this name.

    >>> class_index(["wren", "robin"], "robin")
    1
    >>> class_index(["wren", "robin"], "robbin")
    Traceback (most recent call last):
    ...
    lpt.errors.ParameterError: the task has no class 'robbin'. Nearest: robin.
    """
    try:
        return names.index(given)
    except ValueError:
        raise unknown_class(names, given, where, ParameterError) from None


def unknown_class(names: Sequence[str], given: str, where: str, error: type[Error]) -> Error:
    """Return the error for a class that a task does not have, with the nearest that it has."""
    start = f"{where}: the" if where else "the"
    # Compared without case: a wrong capital is the most frequent mistake.
    folded = {name.casefold(): name for name in reversed(names)}
    few = len(names) <= MOST_COMPARED and len(given) <= LONGEST_COMPARED
    close = get_close_matches(given.casefold(), folded, n=3) if few else []
    shown = ", ".join(shortened(folded[name], _LONGEST_SHOWN) for name in close)
    hint = f"Nearest: {shown}." if shown else "See its classes with: lpt task show TASK"
    return error(f"{start} task has no class {shortened(given, _LONGEST_SHOWN)!r}. {hint}")
