"""Image files in folders."""

from collections.abc import Callable, Sequence
from pathlib import Path

from lpt.data.image_tree import ImageTree, problems_error
from lpt.data.images.formats import decoded_formats
from lpt.errors import DataError

__all__ = ["find_images"]


def find_images(
    paths: Sequence[str | Path], *, notice: Callable[[str], None] | None = None
) -> list[Path]:
    """List the given files, and the images below the given folders in the order of training.

    A folder holds the same images as in training: hidden files, files of the system and links to
    folders are left out, and files without a suffix are recognised by content. Images that cannot
    be decoded here are listed too, so that they are not missed. A file that is given is listed
    whatever it is.

    Args:
        notice: receives a line for each folder in which files were left out.
    Raises: DataError for a path that does not exist, a folder that cannot be listed or a folder
        without images.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            tree = ImageTree(path, unsupported=True)
            inside = list(map(Path, tree.images(path)))
            unlisted = [problem for problem in tree.problems if problem.kind == "unreadable-folder"]
            if unlisted:
                raise problems_error(str(path), unlisted)
            if not inside:
                left = tree.left_out.describe()
                raise DataError(
                    f"{path}: holds no images ({', '.join(decoded_formats())})"
                    + (f"; left out {left}." if left else ".")
                )
            if tree.left_out.counts and notice is not None:
                notice(f"{path}: left out {tree.left_out.describe()}")
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise DataError(f"{path}: no such file or folder.")
    return found
