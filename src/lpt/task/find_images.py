"""Image files in folders."""

from collections.abc import Sequence
from pathlib import Path

from lpt.data.images.decode import SUFFIXES
from lpt.errors import DataError

__all__ = ["find_images"]


def find_images(paths: Sequence[str | Path]) -> list[Path]:
    """List the given image files, and all image files below the given folders, sorted by folder.

    Raises: DataError for a path that does not exist or a folder without images.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES)
            if not inside:
                raise DataError(f"{path}: holds no images ({', '.join(sorted(SUFFIXES))}).")
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise DataError(f"{path}: no such file or folder.")
    return found
