"""Class names that a user gives, found among those of a task."""

from collections.abc import Sequence
from typing import TypeVar

from lpt.arguments import nearest_names
from lpt.errors import LptError, ParameterError
from lpt.escape import shortened

__all__ = ["class_index", "unknown_class"]

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
    shown = nearest_names(names, given)
    hint = f"Nearest: {shown}." if shown else "See its classes with: lpt task show TASK"
    return error(f"{start} task has no class {shortened(given, _LONGEST_SHOWN)!r}. {hint}")
