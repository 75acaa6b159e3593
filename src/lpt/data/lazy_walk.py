"""The walk over folders in memory that does not grow with the number of files."""

import heapq
import os
from collections.abc import Iterator
from pathlib import Path

from lpt.data.image_tree import ImageTree

__all__ = ["LazyWalk"]

BLOCK = 10_000
"""Names of a folder that are held at once; each block reads the folder once more."""


class LazyWalk(ImageTree):
    """Yields the same images as `ImageTree`, in the same order, and holds few of their names.

    A folder with more than `block` entries is read several times, each time for the next names in
    order. Images that cannot be decoded here are yielded, but not collected as problems.

    Args:
        root: paths in `left_out` are relative to it.
        block: most names that are held at once, per level of folders; None for `BLOCK`.
    """

    def __init__(self, root: Path, *, block: int | None = None) -> None:
        super().__init__(root, unsupported=True)
        self.block = BLOCK if block is None else block

    def images(self, folder: str | Path) -> Iterator[str]:
        """Yield the paths of images at any depth: those of a folder before those of its folders."""
        for name in self._names(folder, folders=False):
            path = os.path.join(folder, name)  # noqa: PTH118 - called for every image
            if self._is_image(path, name):
                yield path
            self.problems = [p for p in self.problems if p.kind != "unsupported"]
        for name in self._names(folder, folders=True):
            yield from self.images(os.path.join(folder, name))  # noqa: PTH118

    def count(self, folder: str | Path) -> int:
        """Return the number of paths that `images` would yield, in one reading of each folder."""
        found = 0
        for name in self._listed(folder, folders=False, counted=True):
            found += self._is_image(os.path.join(folder, name), name)  # noqa: PTH118
            self.problems = [p for p in self.problems if p.kind != "unsupported"]
        for name in self._listed(folder, folders=True, counted=False):
            found += self.count(os.path.join(folder, name))  # noqa: PTH118
        return found

    def _names(self, folder: str | Path, *, folders: bool) -> Iterator[str]:
        """Yield the names of the files or the folders of a folder, in order."""
        after = ""
        while True:
            counted = not folders and not after  # what is left out counts once
            names = heapq.nsmallest(
                self.block,
                (n for n in self._listed(folder, folders=folders, counted=counted) if n > after),
            )
            yield from names
            if len(names) < self.block:
                return
            after = names[-1]

    def _listed(self, folder: str | Path, *, folders: bool, counted: bool) -> Iterator[str]:
        """Yield names in any order."""
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    reason = self.passed_over(entry)
                    if not reason and entry.is_dir() == folders:
                        yield entry.name
                    elif reason and counted:
                        self._leave_out(reason, entry.path)
        except OSError as error:
            if counted:
                self._unlisted(folder, error)
