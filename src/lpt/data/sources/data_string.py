"""Data specifications: a path or a name, then options after a colon."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from lpt.arguments import path_text
from lpt.errors import DataError

__all__ = ["DataSpec", "parse_spec", "same_data"]

_OPTIONS = re.compile(r"^(?P<source>.+?):(?P<options>[A-Za-z_]+=.*)$")


@dataclass(frozen=True)
class DataSpec:
    """A parsed `SOURCE:key=value,key=value`.

    Attributes:
        source: a path, or the name of a known data set.
        options: the options after the colon.
    """

    source: str
    options: dict[str, str] = field(default_factory=dict)

    def allow(self, *known: str) -> None:
        """Check the options. Raises: DataError naming the first that is not in `known`."""
        for key in self.options:
            if key not in known:
                there = f"Choose one of: {', '.join(known)}." if known else "It has no options."
                raise DataError(f"{self.source}: unknown option {key!r}. {there}")

    def number(self, option: str, default: float) -> float:
        """Parse an option as a number from 1 to a million. Raises: DataError naming its value."""
        text = self.options.get(option, str(default))
        try:
            value = float(text)
        except ValueError:
            value = 0.0
        if not 1 <= value <= 1e6:
            raise DataError(f"{self.source}: {option}={text}: choose a number from 1 to 1,000,000.")
        return value


def parse_spec(spec: str | Path) -> DataSpec:
    """Parse a data specification; a path that exists as written has no options.

    >>> parse_spec("photos:list=lists/lt100.csv,test=other")
    DataSpec(source='photos', options={'list': 'lists/lt100.csv', 'test': 'other'})

    Raises: DataError for an empty specification, an option without a value, or a repeated option.
    """
    text = path_text("data", spec)
    if not text.strip():
        raise DataError("data: nothing given. Give a folder, a list, a Parquet file or a data set.")
    match = None if isinstance(spec, Path) or Path(text).exists() else _OPTIONS.match(text)
    if match is None:
        return DataSpec(text)
    options: dict[str, str] = {}
    for part in match["options"].split(","):
        key, _, value = part.partition("=")
        if not value or key in options:
            raise DataError(f"{text}: option {part!r} has no value or is repeated. Correct it.")
        options[key] = value
    return DataSpec(match["source"], options)


def same_data(one: str | Path, other: str | Path) -> bool:
    """Whether two specifications mean the same data: `photos/` is `./photos`.

    Options must be equal. Relative paths start from the current folder.

    >>> same_data("digits", "digits:imbalance=10")
    False
    """
    first, second = parse_spec(one), parse_spec(other)
    if first.options != second.options:
        return False
    paths = [Path(spec.source).expanduser() for spec in (first, second)]
    if all(path.exists() for path in paths):
        return paths[0].resolve() == paths[1].resolve()
    return first.source == second.source
