"""What to do about a bad image that stops a run."""

from collections.abc import Iterator
from contextlib import contextmanager

from lpt.data.images.decode import ImageError
from lpt.errors import DataError, TemplateError
from lpt.escape import shell_command

__all__ = ["bad_images_explained"]


class _TrainingImageError(TemplateError, DataError):
    """A bad image that stopped a run, with the ways to train without it."""


@contextmanager
def bad_images_explained(source: str) -> Iterator[None]:
    """Add to the error of a bad image how to train without it."""
    try:
        yield
    except ImageError as error:
        check = shell_command("lpt", "data", "check", source)
        raise _TrainingImageError(
            error.args[0], f"To leave such images out: `bad_images` skip. To list them: {check}"
        ) from error
