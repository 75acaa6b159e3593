"""The images that a command names, found one by one."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from lpt.cli.predictions.given_images import STDIN, GivenImage, given_images
from lpt.data.lazy_walk import LazyWalk
from lpt.errors import DataError

__all__ = ["lazy_images"]


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
