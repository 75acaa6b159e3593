"""The members of a tar file, found by its headers alone.

A tar file from outside may be made to trip its reader, so only what archives of images need is
read: regular members with plain, pax or GNU names. Sizes are checked against the file, names and
their number are bounded, and what would change the meaning of a member (sparse files, volumes) is
refused. Nothing is extracted, so names need not be paths that are safe to write.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from lpt.errors import DataError
from lpt.files.remote.byte_ranges import RangeStream

__all__ = ["Member", "damaged_tar", "tar_members"]

_BLOCK = 512
_ZEROS = bytes(_BLOCK)
_REGULAR = b"0\x007"
_LINKS = b"12"
_OTHERS = b"3456"
"""Devices, folders and pipes, which have no content, as links have none."""

_LONGEST_NAME = 4096
_MOST_NAMES = 2**28  # bytes of all names
_MOST_MEMBERS = 2_000_000
_LONGEST_EXTENSION = 2**20  # bytes of a pax header, which may hold other attributes
_LONGEST_END = 2**21  # zeros after the last member: a record of tar
_SMALL, _AHEAD = 2**20, 2**22
"""From object storage, 4 MB are fetched at once while members have less than 1 MB on average."""

_COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
_OCTAL = re.compile(rb"[0-7]*")


class Member(NamedTuple):
    """A regular member, or a link in its place.

    Attributes:
        name: as stored, without `./` before it.
        offset: of its first byte in the file.
        size: its bytes; 0 for a link.
        is_link: whether it names another file instead of having content.
    """

    name: str
    offset: int
    size: int
    is_link: bool


class _DamagedError(Exception):
    """What is wrong with an archive."""


def damaged_tar(path: Path, reason: str) -> DataError:
    """Make the error for a tar file that cannot be used."""
    return DataError(f"{path}: not a usable tar file ({reason}). Download or pack it again.")


def tar_members(stream: BinaryIO, path: Path) -> Iterator[Member]:
    """Yield the regular members of a tar file, and links, in order.

    Only headers are read, each at its place, so the caller may read elsewhere in between.

    Args:
        stream: the file; it can seek.
        path: its path, for messages.
    Raises: DataError naming the file and what is wrong with it: it is compressed, damaged or cut
        off, or has kinds of members that are not read.
    """
    try:
        yield from _members(stream, stream.seek(0, os.SEEK_END))
    except _DamagedError as error:
        raise damaged_tar(path, str(error)) from error


def _members(stream: BinaryIO, total: int) -> Iterator[Member]:
    stream.seek(0)
    head = stream.read(_BLOCK)
    for magic, packed in _COMPRESSED.items():
        if head.startswith(magic):
            raise _DamagedError(f"it is compressed with {packed}: store the .tar itself")
    at, ahead, count, names = 0, 0, 0, 0
    name, size = None, None  # what a header before that of the member says
    while (header := _read(stream, at, _BLOCK)) != _ZEROS:
        _check(header, at)
        kind, own = header[156:157], _number(header[124:136])
        start = at + _BLOCK
        if kind in b"xgLK":
            most = _LONGEST_EXTENSION if kind in b"xg" else _LONGEST_NAME + 1
            if own > most:
                raise _DamagedError(f"a name or its attributes have {own:,} bytes")
            data = _read(stream, start, own)
            if kind == b"L":
                name = data.rstrip(b"\0")
            elif kind in b"xg":
                named, sized = _attributes(data)
                if kind == b"g" and (named is not None or sized is not None):
                    raise _DamagedError("one name or size is given to all members")
                name, size = named or name, size if sized is None else sized
            at = start + _padded(own)
            continue
        if kind not in _REGULAR + _LINKS + _OTHERS:
            raise _DamagedError(f"a member of the kind {kind!r}, such as a sparse file or a volume")
        raw = _name(header) if name is None else name
        length = own if size is None else size
        if not raw or len(raw) > _LONGEST_NAME or b"\0" in raw:
            raise _DamagedError("a name that is empty or too long")
        count, names = count + 1, names + len(raw)
        if count > _MOST_MEMBERS or names > _MOST_NAMES:
            raise _DamagedError(f"more than {count - 1:,} members; make smaller shards")
        folder = kind in _OTHERS or (kind == b"\0" and raw.endswith(b"/"))
        if length and (folder or kind in _LINKS):
            raise _DamagedError("a folder or link with content")
        if start + length > total:
            raise _DamagedError("it is cut off")
        if isinstance(stream, RangeStream) and start >= ahead and start < count * _SMALL:
            ahead = start + _AHEAD
            stream.prefetch([(start, min(ahead, total))])
        if not folder:
            text = raw.removeprefix(b"./").decode("utf-8", "surrogateescape")
            yield Member(text, start, length, kind in _LINKS)
        at, name, size = start + _padded(length), None, None
    if name is not None or size is not None:
        raise _DamagedError("it is cut off")
    _check_end(stream, at, total)


def _read(stream: BinaryIO, at: int, size: int) -> bytes:
    stream.seek(at)
    data = stream.read(size)
    if len(data) != size:
        raise _DamagedError("it is cut off" if at or data else "it is empty")
    return data


def _check(header: bytes, at: int) -> None:
    """Check the sum of a header."""
    try:
        is_sum = _number(header[148:156]) == sum(header[:148]) + 8 * 32 + sum(header[156:])
    except _DamagedError:
        is_sum = False
    if is_sum:
        return
    raise _DamagedError("no tar file" if not at else f"no member at byte {at:,}")


def _number(field: bytes) -> int:
    if field[0] == 0x80:  # more than octal digits can say
        return int.from_bytes(field[1:], "big")
    text = field.partition(b"\0")[0].strip(b" ")
    if not _OCTAL.fullmatch(text):
        raise _DamagedError("a size that is no number")
    return int(text or b"0", 8)


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _name(header: bytes) -> bytes:
    name = header[:100].partition(b"\0")[0]
    prefix = header[345:500].partition(b"\0")[0] if header[257:263] == b"ustar\0" else b""
    return prefix + b"/" + name if prefix else name


def _attributes(data: bytes) -> tuple[bytes | None, int | None]:
    """Name and size among the records of a pax header: `LENGTH KEY=VALUE` and a line end."""
    name, size, at = None, None, 0
    while at < len(data):
        digits = data[at : at + 8].partition(b" ")[0]
        end = at + int(digits) if digits.isdigit() else at
        record = data[at + len(digits) + 1 : end]
        key, equals, value = record[:-1].partition(b"=")
        if end > len(data) or not equals or record[-1:] != b"\n":
            raise _DamagedError("attributes that cannot be read")
        if key == b"path":
            name = value
        elif key == b"size":
            if not value.isdigit() or len(value) > 18:
                raise _DamagedError("a size that is no number")
            size = int(value)
        elif key.startswith(b"GNU.sparse") or key == b"SCHILY.realsize":
            raise _DamagedError("a sparse file")
        at = end
    return name, size


def _check_end(stream: BinaryIO, at: int, total: int) -> None:
    """Check that nothing follows the end mark, where a reader would not see it."""
    rest = total - at
    if rest > _LONGEST_END or _read(stream, at, rest).strip(b"\0"):
        raise _DamagedError("other data after its end, such as a second archive")
