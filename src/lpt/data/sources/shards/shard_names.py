"""Names of shards: numbered files in braces (`photos-{000000..000009}.tar`), compressed ones."""

import itertools
import re
from pathlib import Path

from lpt.errors import DataError

__all__ = ["expanded", "is_compressed", "is_pattern", "without_braces"]

_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d{1,9})\.\.(\d{1,9})", re.ASCII)
_MOST = 100_000
_COMPRESSED = re.compile(r"\.(tar\.(gz|bz2|xz|zst|lz4|z)|tgz|tbz2?|txz|tzst)$", re.IGNORECASE)


def is_pattern(text: str) -> bool:
    """Whether a text names tar files by numbers in braces.

    >>> is_pattern("photos-{000..009}.tar"), is_pattern("photos-000.tar"), is_pattern("{a}/b.csv")
    (True, False, False)
    """
    return text.lower().endswith(".tar") and _BRACES.search(text) is not None


def is_compressed(text: str) -> bool:
    """Whether a name is that of a compressed tar file.

    >>> is_compressed("a.tar.gz"), is_compressed("B.TGZ"), is_compressed("a.tar")
    (True, True, False)
    """
    return _COMPRESSED.search(text) is not None


def expanded(path: Path) -> list[Path]:
    """Return the files that a pattern names, in order.

    Numbers have as many digits as the first of them. Words are separated by commas.

    >>> [one.name for one in expanded(Path("{train,test}-{09..10}.tar"))]
    ['train-09.tar', 'train-10.tar', 'test-09.tar', 'test-10.tar']

    Raises: DataError for braces that name nothing, in a folder, or for too many files.
    """
    if _BRACES.search(str(path.parent)):
        raise DataError(f"{path}: has braces in the name of a folder. Number the files only.")
    parts: list[list[str]] = []
    count = 1
    for place, text in enumerate(_BRACES.split(path.name)):
        parts.append(_choices(text, path, _MOST // count) if place % 2 else [text])
        count *= len(parts[-1])
    return [path.parent / "".join(some) for some in itertools.product(*parts)]


def without_braces(name: str) -> str:
    """The name that numbered files share, without the separator before the numbers.

    >>> without_braces("photos-{000..009}"), without_braces("{0..9}")
    ('photos', '')
    """
    return _BRACES.sub("", name).rstrip("-_.")


def _choices(text: str, path: Path, most: int) -> list[str]:
    numbers, words = _RANGE.fullmatch(text), text.split(",")
    if numbers is None and len(words) < 2:
        raise DataError(f"{path}: write numbers in braces as {{000..009}}, words as {{a,b}}.")
    found = range(len(words)) if numbers is None else range(int(numbers[1]), int(numbers[2]) + 1)
    if not 0 < len(found) <= most:
        raise DataError(f"{path}: names no files, or more than {_MOST:,}. Correct the braces.")
    return words if numbers is None else [f"{n:0{len(numbers[1])}d}" for n in found]
