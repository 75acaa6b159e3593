"""The images that a command names, found one by one."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from lpt.cli.predictions.given_images import STDIN, GivenImage, given_images
from lpt.data.lazy_walk import LazyWalk
from lpt.errors import DataError

__all__ = ["count_images", "lazy_images"]


def lazy_images(
    paths: Sequence[Path],
    stdin: BinaryIO,
    *,
    null: bool = False,
    left_out: Callable[[str], None] = lambda _: None,
) -> Iterator[GivenImage]:
    """Yield the images of all paths, in the order of `given_images`, without holding them.

    Args:
        paths, stdin, null: as for `given_images`.
        left_out: receives a text for each folder in which something was left out.
    """
    for path in paths:
        if str(path) != STDIN and path.is_dir():
            yield from _inside(path, left_out)
        else:
            for some in given_images([path], stdin, null=null):
                yield from some


def count_images(paths: Sequence[Path]) -> int | None:
    """Return the number of images that `lazy_images` yields; None for standard input.

    Each folder is read once, in any order, so this takes far less time than to predict them.
    """
    if STDIN in map(str, paths):
        return None
    return sum(_count(path) if path.is_dir() else 1 for path in paths)


def _count(folder: Path) -> int:
    walk = LazyWalk(folder)
    return max(1, walk.count(folder) + len(walk.problems))  # an empty folder has a row, too


def _inside(folder: Path, left_out: Callable[[str], None]) -> Iterator[GivenImage]:
    walk, found = LazyWalk(folder), False
    for path in walk.images(folder):
        found = True
        yield GivenImage(Path(path))
    for problem in walk.problems:
        reason = f"{problem.path}: {problem.fault}. {problem.remedy}"
        yield GivenImage(Path(problem.path), DataError(reason))
    if not found and not walk.problems:
        yield GivenImage(folder, DataError(f"{folder}: holds no images."))
    if left := walk.left_out.describe():
        left_out(f"left out  {left}")
