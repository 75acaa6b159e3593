"""Predictions of any number of images in a file: in flat memory, resumable, bad images listed."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from lpt.cli.predictions.decision_request import MakeRow, plain_row
from lpt.cli.predictions.given_images import GivenImage
from lpt.cli.predictions.partial_file import PartialFile
from lpt.cli.predictions.row_bytes import RowBytes
from lpt.cli.predictions.row_piece import Predict, RowPiece, piece_of
from lpt.cli.predictions.sorted_folders import SortedFolders
from lpt.progress import human_time, plural

__all__ = ["CHUNK", "BulkSummary", "in_chunks", "predict_to_file", "write_pieces"]

CHUNK = 512
"""Images after which the file is synced. Rows do not depend on where a process was killed."""

_EVERY = 15.0  # seconds between two lines of progress
_NAMED = 3  # bad images that the summary names


@dataclass(frozen=True)
class BulkSummary:
    """What a file of predictions holds.

    Attributes:
        images: number of rows.
        bad: number of images that could not be read.
        continued: images that the file held already.
        examples: paths of the first bad images of this process.
    """

    images: int
    bad: int
    continued: int
    examples: tuple[str, ...]


def predict_to_file(
    predict: Predict,
    images: Iterable[GivenImage],
    file: PartialFile,
    format_: RowBytes,
    *,
    threshold: float | None = None,
    make_row: MakeRow | None = None,
    folders: SortedFolders | None = None,
    total: int | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> BulkSummary:
    """Write a row for each image, from where an interrupted process left off.

    Args:
        predict: the function of the task.
        images: the images, in the same order every time.
        file: receives the rows.
        format_: of the rows.
        threshold: marks rows of a smaller confidence as unsure.
        make_row: makes the rows, in place of `threshold`.
        folders: receives each image that can be read, before its row is written.
        total: number of all images; None if it is not known.
        say: receives a line of progress now and then.
    Raises: RunError as `PartialFile`, or if an image cannot be put into a folder.
    """
    left = (image for image in images if not file.skip(str(image.path)))
    pieces = (
        piece_of(predict, some, make_row or plain_row(threshold), format_)
        for some in in_chunks(left, CHUNK)
    )
    return write_pieces(pieces, file, format_, folders=folders, total=total, say=say)


def write_pieces(
    pieces: Iterable[RowPiece],
    file: PartialFile,
    format_: RowBytes,
    *,
    folders: SortedFolders | None = None,
    total: int | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> BulkSummary:
    """Write pieces in their order, and finish the file.

    Args:
        pieces: are made one after the other, as they are written.
        file, format_, folders, total, say: as for `predict_to_file`.
    """
    continued, examples = file.images, list[str]()
    if file.is_empty:
        file.add(format_.head)
    began = shown = time.monotonic()
    for piece in pieces:
        examples += piece.bad[: _NAMED - len(examples)]
        if folders is not None:
            for path, label in piece.labels:
                folders.put(path, label)
        file.add(piece.content, piece.paths, len(piece.bad))
        if time.monotonic() - shown >= _EVERY:
            shown = time.monotonic()
            speed = (file.images - continued) / (shown - began)
            say(_progress(file.images, total, speed))
    file.finish(format_.convert)
    return BulkSummary(file.images, file.bad, continued, tuple(examples))


def _progress(images: int, total: int | None, speed: float) -> str:
    """Describe how far the file reaches.

    Args:
        images: those in the file.
        speed: images per second of this process.
    """
    rate = f"{speed:,.0f}/s" if speed >= 10 else f"{speed:.1f}/s"
    if total is None or total < images:  # a folder may have grown since it was counted
        return f"predict   {plural(images, 'image')}, {rate}"
    left = human_time((total - images) / speed)
    return f"predict   {images:,} of {plural(total, 'image')}, {rate}, {left} left"


def in_chunks(images: Iterable[GivenImage], size: int) -> Iterator[list[GivenImage]]:
    """Yield consecutive images together, `size` at a time, as they come."""
    coming = iter(images)
    while some := list(islice(coming, size)):
        yield some
