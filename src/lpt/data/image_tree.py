"""The one walk over folders of images: what it finds, what it leaves out, what is wrong.

Every command sees a folder through this walk, so that one folder holds the same images for all.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lpt.data.images.formats import (
    HEAD,
    SUFFIXES,
    content_format,
    format_advice,
    is_other_image,
)
from lpt.errors import DataError
from lpt.escape import printable, shortened
from lpt.files.regular_files import open_regular

__all__ = ["Folder", "ImageTree", "LeftOut", "Problem", "problems_error"]

# Reasons to leave a file or folder out, in words for one and for several.
REASONS = {
    "hidden": ("hidden file or folder", "hidden files or folders"),
    "system": ("file or folder of the system", "files or folders of the system"),
    "not an image": ("file that is not an image", "files that are not images"),
    "beside": ("image outside the class folders", "images outside the class folders"),
    "link": ("link to a folder", "links to folders"),
    "special": ("pipe, device or socket", "pipes, devices or sockets"),
    "no class": ("folder without images", "folders without images"),
}
_SYSTEM = frozenset(
    {
        *("@eadir", "#recycle", "#snapshot", "$recycle.bin", "system volume information"),
        *("__macosx", "__pycache__", "lost+found", "thumbs.db", "ehthumbs.db", "desktop.ini"),
    }
)
# Files beside images whose first bytes need no look.
_NOT_IMAGES = frozenset(
    f".{kind}"
    for kind in (
        *("txt", "md", "csv", "tsv", "json", "jsonl", "xml", "yaml", "yml", "toml", "ini", "log"),
        *("html", "htm", "pdf", "doc", "docx", "xls", "xlsx", "py", "ipynb", "sh", "mat", "npy"),
        *("npz", "pkl", "pt", "h5", "db", "zip", "gz", "tar", "7z", "rar", "mp4", "mov", "avi"),
        *("mkv", "wav", "mp3", "parquet", "xmp", "aae", "lst"),
    )
)
_EXAMPLES = 3


@dataclass(frozen=True)
class Problem:
    """A fault of a folder that keeps some of its images from being used.

    Attributes:
        kind: a key of `lpt.data.check.findings.KINDS`.
        path: the file or folder.
        fault: what is wrong, after the path.
        remedy: what to do.
    """

    kind: str
    path: str
    fault: str
    remedy: str


@dataclass
class LeftOut:
    """Counts of what a walk left out, with a few examples of each reason."""

    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, reason: str, path: str) -> None:
        """Count a file or folder under one of REASONS."""
        self.counts[reason] = self.counts.get(reason, 0) + 1
        shown = self.examples.setdefault(reason, [])
        if len(shown) < _EXAMPLES:
            shown.append(path)

    def describe(self) -> str:
        """Describe all in one line; "" if nothing was left out.

        >>> left = LeftOut()
        >>> left.add("hidden", "cat/._1.jpg")
        >>> left.describe()
        '1 hidden file or folder (cat/._1.jpg)'
        """
        return "; ".join(
            f"{count:,} {REASONS[reason][count > 1]} ({self._named(reason)})"
            for reason, count in self.counts.items()
        )

    def _named(self, reason: str) -> str:
        names = [shortened(printable(name), 60) for name in self.examples[reason]]
        more = self.counts[reason] - len(names)
        return ", ".join(names) + (f" and {more:,} more" if more else "")


@dataclass(frozen=True)
class Folder:
    """The direct content of a folder: names in order, links to folders among the folders."""

    folders: tuple[str, ...]
    links: frozenset[str]
    files: tuple[str, ...]


class ImageTree:
    """Walks folders below `root`, and collects what it leaves out and what is wrong.

    Recognised by suffix, or by content where the suffix is missing or unknown: the images that can
    be decoded here. Left out: hidden and system files, other files, pipes and devices, and links to
    folders. A folder that is named by the caller may be a link. A link to a file is followed.

    Args:
        root: paths in `left_out` are relative to it.

    Attributes:
        left_out: what was left out.
        problems: folders that cannot be listed, and images of formats that cannot be decoded.
        unsupported: whether `images` also yields the images that cannot be decoded.
    """

    def __init__(self, root: Path, *, unsupported: bool = False):
        self.root = root
        self.left_out = LeftOut()
        self.problems: list[Problem] = []
        self.unsupported = unsupported

    def entries(self, folder: str | Path) -> Folder:
        """List a folder. One that cannot be listed is empty, and a problem."""
        folders, links, files = [], [], []
        try:
            with os.scandir(folder) as entries:
                for entry in sorted(entries, key=lambda entry: entry.name):
                    if reason := self.passed_over(entry, links=True):
                        self._leave_out(reason, entry.path)
                    elif entry.is_dir():
                        folders.append(entry.name)
                        if entry.is_symlink():
                            links.append(entry.name)
                    else:
                        files.append(entry.name)
        except OSError as error:
            self._unlisted(folder, error)
        return Folder(tuple(folders), frozenset(links), tuple(files))

    def images(self, folder: str | Path) -> Iterator[str]:
        """Yield the paths of images at any depth: those of a folder before those of its folders."""
        inside = self.entries(folder)
        for name in inside.files:
            path = os.path.join(folder, name)  # noqa: PTH118 - called for every image
            if self._is_image(path, name):
                yield path
        for name in inside.folders:
            path = os.path.join(folder, name)  # noqa: PTH118
            if name in inside.links:
                self._leave_out("link", path)
            else:
                yield from self.images(path)

    def passed_over(self, entry: os.DirEntry[str], *, links: bool = False) -> str:
        """Return why an entry of a folder is left out, one of REASONS; "" if it is not.

        Args:
            links: keep links to folders.
        """
        if reason := _passed_over(entry.name):
            return reason
        if entry.is_dir():
            return "link" if entry.is_symlink() and not links else ""
        return "" if entry.is_file() or _is_broken_link(entry) else "special"

    def beside(self, folder: str | Path, files: Iterable[str]) -> None:
        """Count files that lie where only folders are expected."""
        for name in files:
            path = os.path.join(folder, name)  # noqa: PTH118
            image = _suffix(name) in SUFFIXES
            self._leave_out("beside" if image else "not an image", path)

    def leave_out(self, reason: str, path: Path) -> None:
        """Count a file or folder under one of REASONS."""
        self._leave_out(reason, str(path))

    def _unlisted(self, folder: str | Path, error: OSError) -> None:
        fault = f"cannot be listed ({error.strerror})"
        problem = Problem("unreadable-folder", str(folder), fault, "Check its permissions.")
        self.problems.append(problem)

    def _leave_out(self, reason: str, path: str) -> None:
        self.left_out.add(reason, os.path.relpath(path, self.root))

    def _is_image(self, path: str, name: str) -> bool:
        suffix, content = _suffix(name), None
        if suffix in SUFFIXES and not is_other_image(suffix):
            return True
        if suffix not in _NOT_IMAGES:
            content = content_format(_head(path))
        if is_other_image(suffix, content):
            kind = suffix[1:].upper() if content is None or is_other_image(suffix) else content
            self.problems.append(
                Problem(
                    "unsupported",
                    path,
                    f"{kind} images are not supported here",
                    format_advice(suffix, content),
                )
            )
            return self.unsupported
        if content is None:
            self._leave_out("not an image", path)
        return content is not None


def problems_error(name: str, problems: Iterable[Problem]) -> DataError:
    """Make one error of all problems of a data set, grouped by kind."""
    problems = list(problems)
    if len(problems) == 1:
        only = problems[0]
        return DataError(f"{only.path}: {only.fault}. {only.remedy}")
    faults: dict[str, list[str]] = {}
    for problem in problems:
        faults.setdefault(problem.fault, []).append(problem.path)
    parts = [
        f"{fault}: {', '.join(shortened(path, 120) for path in paths[:_EXAMPLES])}"
        + (f" and {len(paths) - _EXAMPLES:,} more" if paths[_EXAMPLES:] else "")
        for fault, paths in faults.items()
    ]
    remedies = dict.fromkeys(problem.remedy for problem in problems)
    return DataError(
        f"{name}: {len(problems):,} problems: {'; '.join(parts)}.",
        f"{' '.join(remedies)} lpt data check lists all of them.",
    )


def _passed_over(name: str) -> str:
    if name.startswith("."):
        return "hidden"
    return "system" if name.lower() in _SYSTEM else ""


def _suffix(name: str) -> str:
    stem, dot, kind = name.rpartition(".")
    return f".{kind.lower()}" if stem and dot else ""


def _is_broken_link(entry: os.DirEntry[str]) -> bool:
    """Whether a link leads nowhere: a lost image, which must not be passed over."""
    return entry.is_symlink() and not os.path.exists(entry.path)  # noqa: PTH110


def _head(path: str) -> bytes:
    """The first bytes of a file; none if it cannot be read or is no regular file."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116
            return b""
        with open_regular(path) as stream:
            return stream.read(HEAD) or b""  # None where a read would wait
    except (DataError, OSError):
        return b""
