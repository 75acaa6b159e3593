"""The images that a command names: files, folders, and paths or an image on standard input."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lpt.data.images.formats import HEAD, content_format
from lpt.data.images.limits import MAX_FILE_BYTES
from lpt.errors import DataError
from lpt.task import find_images

__all__ = ["STDIN", "GivenImage", "given_images"]

STDIN = "-"
"""The argument that stands for paths on standard input."""

_STDIN_NAME = Path("stdin")
"""What the rows of an image on standard input call it: "-" begins an option."""

_LONGEST_LINE = 2**20
_CHUNK = 2**16
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class GivenImage:
    """An image file, the bytes of one, or the reason why there is none at a given path."""

    path: Path
    error: DataError | None = None
    content: bytes | None = None


def given_images(
    paths: Sequence[Path],
    stdin: BinaryIO,
    *,
    null: bool = False,
    notice: Callable[[str], None] | None = None,
) -> Iterator[list[GivenImage]]:
    """Yield the images of all paths, in order.

    Args:
        paths: files, folders, and "-" for standard input.
        stdin: standard input: one path per line, or a single image.
        null: paths on standard input end in a NUL byte instead of a newline.
        notice: receives a line for each folder in which files were left out.
    Yields: the images of consecutive arguments together, and those of standard input as soon as
        they arrive.
    """
    together: list[GivenImage] = []
    for path in paths:
        if str(path) != STDIN:
            together += _images_at(path, notice)
            continue
        if together:
            yield together
        together = []
        first = _next_piece(stdin)
        if content_format(first[:HEAD]):
            yield [GivenImage(_STDIN_NAME, content=_whole_image(first, stdin))]
            continue
        for some in _paths_from(first, stdin, b"\0" if null else b"\n"):
            yield [image for path in some for image in _images_at(path, notice)]
    if together:
        yield together


def _whole_image(first: bytes, stream: BinaryIO) -> bytes:
    content = first + stream.read(MAX_FILE_BYTES - len(first) + 1)
    if len(content) > MAX_FILE_BYTES:
        raise DataError(
            f"standard input: an image of more than {MAX_FILE_BYTES // 10**6} MB. "
            "Give a smaller image, or the paths of images."
        )
    return content


def _images_at(path: Path, notice: Callable[[str], None] | None) -> list[GivenImage]:
    try:
        return [GivenImage(found) for found in find_images([path], notice=notice)]
    except DataError as error:
        return [GivenImage(path, error)]
    except (OSError, ValueError) as error:  # a name that is too long, or holds a NUL
        reason = getattr(error, "strerror", None) or str(error)
        return [GivenImage(path, DataError(f"{path}: not a valid path ({reason})."))]


def _paths_from(first: bytes, stream: BinaryIO, end: bytes) -> Iterator[list[Path]]:
    """Yield the complete paths of each piece of a stream when it arrives."""
    rest, is_first, piece = b"", True, first
    while piece:
        if end == b"\n" and b"\0" in piece:
            raise DataError(
                "standard input: neither an image nor a list of paths (it holds NUL bytes). "
                "Give one path per line, or paths that end in NUL with --null."
            )
        rest += piece
        if is_first and len(rest) >= len(_BYTE_ORDER_MARK):
            rest, is_first = rest.removeprefix(_BYTE_ORDER_MARK), False
        *lines, rest = rest.split(end)
        if lines:
            yield _paths_of(lines, end)
        if len(rest) > _LONGEST_LINE:
            raise DataError("standard input: a path of more than 1 MB. Give one path per line.")
        piece = _next_piece(stream)
    yield _paths_of([rest.removeprefix(_BYTE_ORDER_MARK) if is_first else rest], end)


def _next_piece(stream: BinaryIO) -> bytes:
    """Read what there is, and wait only if there is nothing."""
    read = getattr(stream, "read1", stream.read)
    piece: bytes = read(_CHUNK)
    return piece


def _paths_of(lines: list[bytes], end: bytes) -> list[Path]:
    texts = lines if end == b"\0" else [line.removesuffix(b"\r") for line in lines]
    return [Path(os.fsdecode(text)) for text in texts if text.strip()]
