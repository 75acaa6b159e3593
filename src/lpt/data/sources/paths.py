"""Absolute forms of data specifications, valid from every folder."""

from pathlib import Path

from lpt.data.sources.data_string import DataSpec, parse_spec
from lpt.data.sources.hub_dataset import HUB_PREFIX
from lpt.data.sources.known.known_datasets import DATASETS
from lpt.errors import DataError

__all__ = ["anchored", "local_path"]


def local_path(source: str) -> Path | None:
    """The path of a source of data; None for a known data set or one of the hub."""
    known = source in DATASETS or source.startswith(HUB_PREFIX)
    return None if known else Path(source).expanduser()


def anchored(spec: str) -> str:
    """Make the local paths of a data specification absolute; those that do not exist stay.

    >>> anchored("digits"), anchored("no-such-folder")
    ('digits', 'no-such-folder')
    """
    parsed = parse_spec(spec)
    source, options = _absolute(parsed.source), dict(parsed.options)
    if "test" in options and not (Path(source) / options["test"]).exists():
        options["test"] = _absolute(options["test"])
    if parsed.source in DATASETS:
        for name in set(options).intersection(DATASETS[parsed.source].paths):
            options[name] = str(Path(options[name]).expanduser().absolute())
    listed = ",".join(f"{name}={value}" for name, value in options.items())
    text = f"{source}:{listed}" if options else source
    return text if _means(text, DataSpec(source, options)) else spec


def _absolute(source: str) -> str:
    path = local_path(source)
    return source if path is None or not path.exists() else str(path.absolute())


def _means(text: str, wanted: DataSpec) -> bool:
    """Whether a text parses as wanted: a colon or comma in a folder name can be misread."""
    try:
        return parse_spec(text) == wanted
    except DataError:
        return False
