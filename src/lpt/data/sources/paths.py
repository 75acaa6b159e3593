"""Where data lies, said so that it holds in every folder."""

from pathlib import Path

from lpt.data.sources.data_string import DataSpec, parse_spec
from lpt.data.sources.hub_dataset import HUB_PREFIX
from lpt.data.sources.known.known_datasets import NAMED
from lpt.errors import DataError

__all__ = ["anchored", "local_path"]

_FOLDERS = ("root", "lists")
"""Options of known sets that are paths."""


def local_path(source: str) -> Path | None:
    """The path that a source of data is; None for a known set or a set of the hub."""
    known = source in NAMED or source.startswith(HUB_PREFIX)
    return None if known else Path(source).expanduser()


def anchored(spec: str) -> str:
    """The same data, its local paths absolute. What is not there stays as it was written.

    >>> anchored("digits"), anchored("no-such-folder")
    ('digits', 'no-such-folder')
    """
    parsed = parse_spec(spec)
    source, options = _absolute(parsed.source), dict(parsed.options)
    if "test" in options and not (Path(source) / options["test"]).exists():
        options["test"] = _absolute(options["test"])
    if parsed.source in NAMED:
        for name in set(options).intersection(_FOLDERS):
            options[name] = str(Path(options[name]).expanduser().absolute())
    listed = ",".join(f"{name}={value}" for name, value in options.items())
    text = f"{source}:{listed}" if options else source
    return text if _means(text, DataSpec(source, options)) else spec


def _absolute(source: str) -> str:
    path = local_path(source)
    return source if path is None or not path.exists() else str(path.absolute())


def _means(text: str, wanted: DataSpec) -> bool:
    """Whether no colon or comma of a folder above is taken for one of the specification."""
    try:
        return parse_spec(text) == wanted
    except DataError:
        return False
