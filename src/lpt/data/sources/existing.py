"""Whether data exists, before anything slow is imported or opened."""

from lpt.data.sources.data_string import parse_spec
from lpt.data.sources.open_data import open_data
from lpt.data.sources.paths import local_path

__all__ = ["check_data_exists"]


def check_data_exists(spec: str) -> None:
    """Check the place that a data specification names; nothing is listed or read.

    Raises: DataError for a specification that is no text of one, or a path that does not exist.

    >>> check_data_exists("no-such-folder")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    lpt.errors.DataError: no-such-folder: no such folder, ...
    """
    path = local_path(parse_spec(spec).source)
    if path is not None and not path.exists():
        open_data(spec)  # says so
