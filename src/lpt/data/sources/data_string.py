"""Data specifications: a path or a name, then options after a colon."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from lpt.arguments import path_text
from lpt.data.sources.shards.shard_names import expanded, is_pattern, without_braces
from lpt.errors import DataError
from lpt.files.remote.remote_paths import is_remote, place

__all__ = ["DataSpec", "parse_spec", "path_exists", "run_name", "same_data"]

_OPTIONS = re.compile(r"^(?P<source>.+?):(?P<options>[A-Za-z_]+=.*)$", re.DOTALL)
_NEXT = re.compile(r",(?=[A-Za-z_]+=)")  # a comma elsewhere belongs to a value


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

    A value may have commas, but not a comma before a word and an equals sign.

    >>> parse_spec("photos:list=lists/lt100.csv,test=other")
    DataSpec(source='photos', options={'list': 'lists/lt100.csv', 'test': 'other'})
    >>> parse_spec("photos:list=lists, old/lt100.csv").options["list"]
    'lists, old/lt100.csv'

    Raises: DataError for an empty specification, an option without a value, or a repeated option;
        ParameterError for what is neither text nor a path.
    """
    if not isinstance(spec, str | Path):
        path_text("data", spec)
    text = str(place(spec)) if is_remote(spec) else str(spec)
    if not text.strip():
        raise DataError("data: nothing given. Give a folder, a list, a Parquet file or a data set.")
    local = not is_remote(text) and (isinstance(spec, Path) or path_exists(text))
    match = None if local else _OPTIONS.match(text)
    if match is None:
        return DataSpec(text)
    options: dict[str, str] = {}
    for part in _NEXT.split(match["options"]):
        key, _, value = part.partition("=")
        if not value or key in options:
            raise DataError(f"{text}: option {part!r} has no value or is repeated. Correct it.")
        options[key] = value
    return DataSpec(match["source"], options)


def path_exists(text: str) -> bool:
    """Whether a text is the path of a file or folder, or names shards: the first or last exists.

    A text that no path can be is not.
    """
    try:
        path = Path(text).expanduser()
        if is_pattern(text) and not path.exists():
            shards = expanded(path)
            return shards[0].exists() or shards[-1].exists()
        return path.exists()
    except (OSError, ValueError, RuntimeError):  # too long, NUL inside, no such home folder
        return False
    except DataError:  # braces that name no files: a-{0..2}.tar:test=b-{0..2}.tar
        return False


def same_data(one: str | Path, other: str | Path) -> bool:
    """Whether two specifications mean the same data: `photos/` is `./photos`.

    Options must be equal. Relative paths start from the current folder.

    >>> same_data("digits", "digits:imbalance=10")
    False
    """
    first, second = parse_spec(one), parse_spec(other)
    if first.options != second.options:
        return False
    sources = (first.source, second.source)
    if all(map(path_exists, sources)):
        return len({Path(source).expanduser().resolve() for source in sources}) == 1
    return first.source == second.source


def run_name(data: str) -> str:
    """Return the default name of a run or study: that of the data, followed by that of its list.

    >>> run_name("photos-{000..009}.tar")
    'photos'
    >>> run_name("data/birds:list=lists/lt100.csv")
    'birds-lt100'
    """
    below = data.partition("://")[2] if is_remote(data) else data
    source, _, options = below.partition(":")
    name = without_braces(Path(source.rstrip("/")).stem) or "run"
    listed = [o.partition("=")[2] for o in options.split(",") if o.startswith("list=")]
    return f"{name}-{Path(listed[0]).stem}" if listed else name
