"""Folders of class folders, optionally divided into train, val and test."""

import unicodedata
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from lpt.data.image_stores import FileStore
from lpt.data.image_tree import ImageTree, Problem, problems_error
from lpt.data.images.formats import decoded_formats
from lpt.data.sources.listing import Listing, SplitWords
from lpt.errors import DataError
from lpt.escape import printable, shortened
from lpt.progress import listed

__all__ = ["FOLDER_OPTIONS", "read_folder"]

FOLDER_OPTIONS = ("depth", "split")
"""Options of a folder: `DIR:depth=leaf,split=none`."""

_DEEPEST = 9


def read_folder(
    root: Path,
    *,
    depth: str | None = None,
    splits: SplitWords | None = None,
    lenient: bool = False,
) -> Listing:
    """List `root/CLASS/**/image` or `root/{train,val,test}/CLASS/**/image`, classes by name.

    Folders named train, val and test are splits only if they hold folders. Other files are left
    out and counted (`lpt.data.image_tree.ImageTree`).

    Args:
        root: the folder.
        depth: "1" (default): each folder directly in `root`, or in a split folder, is a class, with
            all images below it. "2" and more: the folders at that depth are the classes, named by
            their path (`Fruit/Apple`). "leaf": each folder that directly holds images is a class.
        splits: names of split folders; None takes train, val, test and the like.
        lenient: return what can be read, with the problems; otherwise they are an error.
    Returns: the images with labels, notes on what was left out, and the problems.
    Raises: DataError naming all class folders without images, folders that cannot be listed and
        images of unsupported formats; or a folder without classes, or an unknown option.
    """
    level = _level(root, depth)
    tree = ImageTree(root)
    reader = _Reader(root, tree, level)
    for part, part_split in _parts(root, tree, splits or SplitWords()).items():
        reader.read(part, part_split)
    reader.check_names()
    if tree.problems and not (lenient and reader.paths):
        raise problems_error(str(root), tree.problems)
    names, index = np.unique(np.array(reader.labels, dtype=np.str_), return_inverse=True)
    return Listing(
        name=str(root),
        class_names=tuple(str(name) for name in names),
        named=True,
        store=FileStore.of_files(root, reader.paths),
        labels=index.astype(np.int64),
        splits=np.array(reader.splits, dtype=np.str_),
        notes=tuple(reader.notes()),
        problems=tuple(tree.problems),
    )


class _Reader:
    """Collects images, class by class."""

    def __init__(self, root: Path, tree: ImageTree, level: int | None):
        self.root, self.tree, self.level = root, tree, level
        self.paths: list[str] = []
        self.labels: list[str] = []
        self.splits: list[str] = []
        self.merged: dict[str, None] = {}

    def read(self, part: Path, split: str) -> None:
        """Add the images of all class folders of a part."""
        inside = self.tree.entries(part)
        self.tree.beside(part, inside.files)
        if not inside.folders and not self.tree.problems:
            raise DataError(
                f"{part}: no class folders. Put the images of each class in a separate folder, "
                "or give a list or a Parquet file."
            )
        for name in inside.folders:
            faults, found = len(self.tree.problems), 0
            for path in self.tree.images(part / name):
                found += 1
                self._add(path, str(part), name, split)
            if found or len(self.tree.problems) > faults:
                continue
            if _holds_lists(part / name):  # `lpt data longtail DIR DIR/lists/lt.csv`
                self.tree.leave_out("no class", part / name)
            else:
                self._problem(
                    "empty-class",
                    str(part / name),
                    f"the class folder has no images ({', '.join(decoded_formats())})",
                    "Add images, or remove the folder.",
                )

    def _add(self, path: str, part: str, top: str, split: str) -> None:
        folder = path[len(part) + 1 :].rpartition("/")[0].replace("\\", "/")
        if self.level == 1:
            label = top
            if folder != top:
                self.merged.setdefault(folder)
        elif self.level is None:
            label = folder
        else:
            parts = folder.split("/")
            if len(parts) < self.level:
                fault = f"lies above the class folders, which are {self.level} deep"
                remedy = "Move it into a class folder, or use depth=leaf."
                self._problem("no-class", path, fault, remedy)
                return
            label = "/".join(parts[: self.level])
        self.paths.append(path[len(str(self.root)) + 1 :])
        self.labels.append(_readable(label))
        self.splits.append(split)

    def check_names(self) -> None:
        """Find classes whose names look alike but have other bytes (Unicode forms)."""
        seen: dict[str, str] = {}
        for label in sorted(set(self.labels)):
            other = seen.setdefault(unicodedata.normalize("NFC", label), label)
            if other != label:
                fault = "has the same name as another class folder, in another Unicode form"
                self._problem("no-class", str(self.root / label), fault, "Merge the two folders.")

    def notes(self) -> Iterable[str]:
        """Describe what was left out, and subfolders whose images were merged into a class."""
        if self.tree.left_out.counts:
            yield f"left out  {self.tree.left_out.describe()}"
        if self.merged:
            shown = listed([shortened(printable(name), 40) for name in self.merged])
            yield (
                f"nested    images in subfolders ({shown}) belong to the class of the top "
                "folder; if subfolders are classes, give DATA:depth=2 or DATA:depth=leaf"
            )

    def _problem(self, kind: str, path: str, fault: str, remedy: str) -> None:
        self.tree.problems.append(Problem(kind, path, fault, remedy))


def _readable(label: str) -> str:
    r"""Write the bytes of a name that are not UTF-8 as \xf6: names of classes are text."""
    if label.isascii():
        return label
    return label.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _holds_lists(folder: Path) -> bool:
    return any(path.suffix.lower() in (".csv", ".tsv") for path in folder.iterdir())


def _level(root: Path, depth: str | None) -> int | None:
    if depth is None:
        return 1
    if depth == "leaf":
        return None
    if depth.isdecimal() and 1 <= int(depth[:3]) <= _DEEPEST:
        return int(depth)
    raise DataError(f"{root}: depth={depth}: choose leaf, or a number from 1 to {_DEEPEST}.")


def _parts(root: Path, tree: ImageTree, words: SplitWords) -> dict[Path, str]:
    """Folders that hold class folders, with their splits; only `root` itself if none are splits."""
    probe = ImageTree(root)
    inside = probe.entries(root)
    if probe.problems:
        raise problems_error(str(root), probe.problems)
    named = {name: words.split_of(name) or "" for name in inside.folders}
    divided = [name for name, kind in named.items() if kind and probe.entries(root / name).folders]
    whole = all(named.values())
    if not any(named.values()) or not (divided or whole):
        return {root: ""}
    others = [name for name in inside.folders if not named[name]]
    odd = [name for name in others if next(ImageTree(root).images(root / name), None)]
    if odd:
        raise DataError(
            f"{root}: mixes split folders ({', '.join(divided)}) with others such as {odd[0]!r}. "
            "Move the others elsewhere, or give DATA:split=none if all of them are classes."
        )
    tree.entries(root)  # counts what is left out
    tree.beside(root, inside.files)
    for name in others:
        tree.leave_out("no class", root / name)
    bare = [name for name, kind in named.items() if kind and name not in divided]
    if bare:
        raise DataError(
            f"{root / bare[0]}: no class folders. Put the images of each class in a separate "
            "folder, or give DATA:split=none if "
            f"{', '.join(inside.folders)} are the classes."
        )
    return {root / name: kind for name, kind in named.items() if kind}
