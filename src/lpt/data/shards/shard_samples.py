"""Images with labels in a tar file, by the convention of WebDataset.

A sample is a run of members that share a key: the name up to the first dot of its last part. Its
image is the member `KEY.jpg` (or `.png`, `.webp` and so on), its label the text of `KEY.cls`, or
`label` in `KEY.json`.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from lpt.data.images.formats import SUFFIXES
from lpt.data.shards.tar_members import Member, damaged_tar, tar_members
from lpt.errors import DataError
from lpt.escape import shortened
from lpt.files.json_files import json_value

__all__ = [
    "CLASSES_FILE",
    "LABEL",
    "LABEL_NAME",
    "MOST_CLASSES_BYTES",
    "Samples",
    "read_samples",
    "shown_key",
]

CLASSES_FILE = "classes.txt"
"""Names of the classes 0, 1, ...: a member of this name, or a file beside the shards."""
MOST_CLASSES_BYTES = 2**24

LABEL, LABEL_NAME = "label", "label_name"

_MOST_LABEL_BYTES = 1000
_SHOWN = 200  # characters of a name in messages
_INFINITE = (math.inf, -math.inf)
_MOST_JSON_BYTES = 2**20

Value = str | int | float | bool | None
"""A value in JSON that is not made of others."""


@dataclass
class Samples:
    """The images of a tar file, in its order.

    Attributes:
        names: of the members that are images.
        offsets, sizes: of their bytes in the file.
        columns: values that describe them: `label`, `label_name` and the column of groups.
        classes: text of the member `classes.txt`; None without one.
        left_out: number of samples without an image.
        dotted: number of members that would be images but for a second dot in their names.
        example: the first of those.
    """

    names: list[str] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    columns: dict[str, list[Value]] = field(default_factory=dict)
    classes: str | None = None
    left_out: int = 0
    dotted: int = 0
    example: str = ""


def read_samples(stream: BinaryIO, path: Path, group_by: str | None = None) -> Samples:
    """Find the images of a tar file and read their labels. The images are not read.

    Args:
        stream: the file; it can seek.
        path: its path, for messages.
        group_by: a name in `KEY.json` whose values are read, too.
    Raises: DataError as `tar_members`, and naming an image without a label, two images of one key,
        or a label that cannot be read.
    """
    found = Samples(columns={name: [] for name in (LABEL, LABEL_NAME, group_by or LABEL)})
    for key, members in _samples(stream, path, found):
        _add(found, _Sample(stream, path, key, members), group_by)
    _check_keys(found.names, path)
    return found


def shown_key(name: str) -> str:
    """The key of a member for messages, cut if it is long.

    >>> shown_key("v1.0/owls/0003.seg.png")
    'v1.0/owls/0003'
    """
    return shortened(_key(name), _SHOWN)


def _key(name: str) -> str:
    """The key of a member: its name up to the first dot of its last part."""
    folder, slash, base = name.rpartition("/")
    return folder + slash + base.partition(".")[0]


def _check_keys(names: list[str], path: Path) -> None:
    """Check that no two images have one key, with 8 bytes of memory for each."""
    hashes = np.fromiter((hash(_key(name)) for name in names), np.int64, len(names))
    ordered = np.sort(hashes)
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    seen: dict[str, int] = {}
    for row in np.flatnonzero(np.isin(hashes, repeated)).tolist():
        key = _key(names[row])
        if (first := seen.setdefault(key, row)) != row:  # not two keys of one hash
            raise DataError(
                f"{path}: {shown_key(names[row])}: the images of rows {first} and {row} have this "
                "name. Give each sample a name of its own."
            )


class _Sample:
    """The members of a key by extension."""

    def __init__(self, stream: BinaryIO, path: Path, key: str, members: dict[str, Member]) -> None:
        self._stream, self._path = stream, path
        self.members = members
        self.name = shortened(key, _SHOWN)

    def fault(self, text: str) -> DataError:
        return DataError(f"{self._path}: {self.name}: {text}")

    def text(self, extension: str, most: int) -> str:
        member = self.members[extension]
        if member.is_link or member.size > most:
            fault = "is a link" if member.is_link else f"has {member.size:,} bytes"
            raise self.fault(f"its .{extension} {fault}. Pack the archive again with its content.")
        return _text(self._stream, member, self._path)

    def described(self) -> dict[str, Any]:
        """The content of `KEY.json`; nothing if there is none, or it holds no names."""
        if "json" not in self.members:
            return {}
        value = json_value(
            self.text("json", _MOST_JSON_BYTES),
            lambda reason: self.fault(f"its .json cannot be read ({reason}). Correct it."),
        )
        return value if isinstance(value, dict) else {}

    def value(self, described: dict[str, Any], name: str) -> Value:
        value = described.get(name)
        if isinstance(value, float) and math.isnan(value):
            return None
        if (
            isinstance(value, dict | list)
            or len(str(value)) > _MOST_LABEL_BYTES
            or value in _INFINITE
        ):
            raise self.fault(f"{name!r} in its .json is not a short text or number. Correct it.")
        return value


def _samples(
    stream: BinaryIO, path: Path, found: Samples
) -> Iterator[tuple[str, dict[str, Member]]]:
    """Yield the members of each key by extension."""
    key, members = "", dict[str, Member]()
    for member in tar_members(stream, path):
        base = member.name.rpartition("/")[2]
        if base == CLASSES_FILE:
            if found.classes is not None or member.size > MOST_CLASSES_BYTES:
                raise damaged_tar(path, f"two members {CLASSES_FILE}, or one that is too large")
            found.classes = _text(stream, member, path)
            continue
        stem, dot, extension = base.partition(".")
        if not stem or not dot:  # hidden, or without a kind
            continue
        if (now := _key(member.name)) != key:
            if members:
                yield key, members
            key, members = now, {}
        extension = extension.lower()
        if extension in members:
            raise DataError(
                f"{path}: {shortened(member.name, _SHOWN)}: is there twice. "
                "Give each sample a name of its own."
            )
        members[extension] = member
        if "." in extension and f".{extension.rpartition('.')[2]}" in SUFFIXES:
            found.dotted, found.example = found.dotted + 1, found.example or member.name
    if members:
        yield key, members


def _add(found: Samples, sample: _Sample, group_by: str | None) -> None:
    images = [member for kind, member in sample.members.items() if f".{kind}" in SUFFIXES]
    if not images:
        found.left_out += not sample.members.keys().isdisjoint(("cls", "json"))
        return
    (image, *others) = images
    if others:
        raise sample.fault("two images have this name. Give each sample one image.")
    if image.is_link:
        raise sample.fault("its image is a link. Pack it with its content: --hard-dereference.")
    has_text = "cls" in sample.members
    described = {} if has_text and group_by is None else sample.described()
    label = sample.text("cls", _MOST_LABEL_BYTES) if has_text else sample.value(described, LABEL)
    name = None if has_text else sample.value(described, LABEL_NAME)
    if label is None:
        raise sample.fault(
            "has no label: no .cls beside it, and no 'label' in a .json. The members of a sample "
            "follow one another, with one name: tar --sort=name."
        )
    found.names.append(image.name)
    found.offsets.append(image.offset)
    found.sizes.append(image.size)
    found.columns[LABEL].append(label)
    found.columns[LABEL_NAME].append(name)
    if group_by is not None and group_by not in (LABEL, LABEL_NAME):
        found.columns[group_by].append(sample.value(described, group_by))


def _text(stream: BinaryIO, member: Member, path: Path) -> str:
    stream.seek(member.offset)
    data = stream.read(member.size)
    try:
        if len(data) == member.size:
            return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    raise DataError(f"{path}: {shortened(member.name, _SHOWN)}: is not UTF-8. Correct it.")
