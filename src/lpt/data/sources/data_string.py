"""How data is named on the command line: a path or a name, then options after a colon."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from lpt.errors import DataError

__all__ = ["DataSpec", "parse_spec", "same_data"]

_OPTIONS = re.compile(r"^(?P<source>.+?):(?P<options>[A-Za-z_]+=.*)$")


@dataclass(frozen=True)
class DataSpec:
    """`SOURCE:key=value,key=value` taken apart.

    Attributes:
        source: a path, or the name of a known data set.
        options: what followed the colon.
    """

    source: str
    options: dict[str, str] = field(default_factory=dict)

    def allow(self, *known: str) -> None:
        """Raises: DataError naming the first option that is not among `known`."""
        for key in self.options:
            if key not in known:
                raise DataError(
                    f"{self.source}: unknown option {key!r}. "
                    f"Options here: {', '.join(known) or 'none'}."
                )

    def number(self, option: str, default: float) -> float:
        """An option that is a number of 1 or more. Raises: DataError naming its value."""
        text = self.options.get(option, str(default))
        try:
            value = float(text)
        except ValueError:
            value = 0.0
        if not 1 <= value <= 1e6:
            raise DataError(f"{self.source}: {option}={text} is not a number of 1 or more.")
        return value


def parse_spec(spec: str | Path) -> DataSpec:
    """Take a data specification apart; a path that exists as written has no options.

    >>> parse_spec("photos:list=lists/lt100.csv,test=other")
    DataSpec(source='photos', options={'list': 'lists/lt100.csv', 'test': 'other'})

    Raises: DataError for an empty specification, or an option without a value or given twice.
    """
    text = str(spec)
    if not text.strip():
        raise DataError("data: nothing given. Name a folder, a list, a Parquet file or a data set.")
    match = None if isinstance(spec, Path) or Path(text).exists() else _OPTIONS.match(text)
    if match is None:
        return DataSpec(text)
    options: dict[str, str] = {}
    for part in match["options"].split(","):
        key, _, value = part.partition("=")
        if not value or key in options:
            raise DataError(f"{text}: option {part!r} has no value or is given twice.")
        options[key] = value
    return DataSpec(match["source"], options)


def same_data(one: str | Path, other: str | Path) -> bool:
    """Whether two specifications mean the same data: `photos/` is `./photos`.

    Options count; relative paths are taken from the current folder.
    """
    first, second = parse_spec(one), parse_spec(other)
    if first.options != second.options:
        return False
    paths = [Path(spec.source).expanduser() for spec in (first, second)]
    if all(path.exists() for path in paths):
        return paths[0].resolve() == paths[1].resolve()
    return first.source == second.source
