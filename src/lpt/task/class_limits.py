"""Limits on the classes of a task, checked before anything is computed for them."""

from collections.abc import Sequence

from lpt.errors import DataError
from lpt.task_spec import MAX_CLASSES, MAX_NAME

__all__ = ["check_class_names"]

MAX_NAME_BYTES = 4 * 2**20
"""Of all class names together."""


def check_class_names(names: Sequence[str], origin: str) -> None:
    """Check, before a training, that its task file will be within the limits of its reader.

    Args:
        names: class names.
        origin: the data, for the message.
    Raises: DataError if there are too many classes or their names are too long.
    """
    if len(names) > MAX_CLASSES:
        raise DataError(
            f"{origin}: has {len(names):,} classes; a task has at most {MAX_CLASSES:,}. "
            "Merge classes, or check which column holds the labels."
        )
    for name in names:
        if len(name) > MAX_NAME:
            raise DataError(
                f"{origin}: class '{name[:40]}...' is longer than {MAX_NAME:,} characters. "
                "Shorten its name."
            )
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise DataError(f"{origin}: class '{name}' is not UTF-8. Rename it.") from error
    if sum(len(name.encode()) for name in names) > MAX_NAME_BYTES:
        raise DataError(
            f"{origin}: its class names have more than {MAX_NAME_BYTES:,} bytes. Shorten them."
        )
