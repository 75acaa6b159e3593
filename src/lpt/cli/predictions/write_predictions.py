"""`lpt predict --out`: from options to a finished file, in one process or in several."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lpt.cli.predictions.bulk_request import BulkRequest, unless_usual
from lpt.cli.predictions.decision_request import DecisionRequest, MakeRow, plain_row
from lpt.cli.predictions.given_images import GivenImage
from lpt.cli.predictions.lazy_images import count_images, lazy_images
from lpt.cli.predictions.partial_file import PartialFile
from lpt.cli.predictions.predict_to_file import (
    CHUNK,
    BulkSummary,
    in_chunks,
    predict_to_file,
    write_pieces,
)
from lpt.cli.predictions.row_bytes import RowBytes, format_of
from lpt.cli.predictions.row_piece import Predict, RowPiece, piece_of
from lpt.cli.predictions.shared.worker_pool import WorkerPool
from lpt.cli.predictions.sorted_folders import SortedFolders
from lpt.cli.printing import say_note, say_stopped
from lpt.escape import printable
from lpt.progress import plural

if TYPE_CHECKING:
    from lpt.task import Task

__all__ = ["BulkPrediction", "FileFacts", "share_predictions", "write_predictions"]

SHARE = 128
"""Images that a process computes at a time: whole batches, so that rows do not depend on it."""


@dataclass(frozen=True)
class FileFacts:
    """What a file of predictions depends on.

    Attributes:
        arguments: what decides the rows.
        classes: classes per row.
        width: numbers of a feature; None without features.
        sets: whether rows have sets of labels.
        names: (C,) names of the classes.
    """

    arguments: Mapping[str, Any]
    classes: int
    width: int | None
    sets: bool
    names: Sequence[str]

    def format(self, out: Path) -> RowBytes:
        """Return the format of the rows."""
        return format_of(out, self.classes, self.width, sets=self.sets)


@dataclass(frozen=True)
class BulkPrediction:
    """A task and what was asked of it.

    Attributes:
        task: loaded from `run`.
        request: where predictions go.
        top: number of classes per image.
        threshold, workers: as for `lpt predict`.
        prior: identity of the class frequencies that `task` predicts under, if not its own.
        decisions: sets and thresholds, if they were asked for.
        weights: number type of the backbone's weights.
    """

    task: "Task"
    run: Path
    request: BulkRequest
    top: int
    threshold: float | None
    workers: int
    prior: str | None = None
    decisions: DecisionRequest | None = None
    weights: str = "float32"

    @property
    def facts(self) -> FileFacts:
        """What the file depends on."""
        task, request, decisions = self.task, self.request, self.decisions
        top = min(self.top, len(task.class_names))
        arguments = {
            **request.identity(self.run, self.weights),
            **(decisions or DecisionRequest(top)).identity(),
            "--top": top,
            "--threshold": self.threshold,
            "--prior": self.prior,
            "--match": unless_usual(task.match, "exact"),
        }
        width = task.model.backbone.feature_width if request.embeddings else None
        sets = bool(decisions and decisions.sets)
        return FileFacts(arguments, top, width, sets, list(task.class_names))

    @property
    def make_row(self) -> MakeRow:
        """The function that makes rows."""
        if self.decisions is None:
            return plain_row(self.threshold)
        return self.decisions.rule(self.task)

    @property
    def predict(self) -> Predict:
        """The function that predicts images."""
        classes = min(self.top, len(self.task.class_names))
        if self.decisions is not None:
            classes = self.decisions.classes(self.task)
        return partial(_predict, self.task, classes, self.workers, self.request.embeddings)

    def answer(self) -> "partial[RowPiece]":
        """Return a function that makes the rows of some images."""
        format_ = self.facts.format(self.request.out)
        return partial(piece_of, self.predict, make_row=self.make_row, format_=format_)


def write_predictions(bulk: BulkPrediction, paths: Sequence[Path], *, null: bool) -> None:
    """Predict all images into a file, and report what it holds on standard error.

    Args:
        paths, null: as for `lpt predict`.
    Raises: LptError if the file cannot be written or continued.
    """
    request, facts = bulk.request, bulk.facts
    with PartialFile(request.out, dict(facts.arguments)) as file:
        folders = _folders(request, facts)
        _say_continued(file)
        make_row, total = bulk.make_row, count_images(paths)
        summary = _until_stopped(
            file,
            lambda: predict_to_file(
                bulk.predict,
                _images(paths, null),
                file,
                facts.format(request.out),
                make_row=make_row,
                folders=folders,
                total=total,
                say=say_note,
            ),
        )
    say_note(_described(summary, request.out))


def share_predictions(
    request: BulkRequest,
    paths: Sequence[Path],
    processes: int,
    arguments: Sequence[str],
    *,
    null: bool,
) -> None:
    """Do the same in several processes: each predicts images, and this one writes their rows.

    The rows and their order are those of one process, and so is the file that is continued.

    Args:
        request: where predictions go.
        processes: number of processes.
        arguments: of this command, which the processes get, too.
        paths, null: as for `lpt predict`.
    """
    with ExitStack() as stack:
        pool = stack.enter_context(WorkerPool(processes, arguments, say_note))
        total = count_images(paths)
        given = "images of standard input" if total is None else plural(total, "image")
        say_note(f"predict   {given} in {processes} processes")
        facts = FileFacts(**pool.facts())
        file = stack.enter_context(PartialFile(request.out, dict(facts.arguments)))
        folders = _folders(request, facts)
        _say_continued(file)
        left = (image for image in _images(paths, null) if not file.skip(str(image.path)))
        format_ = facts.format(request.out)
        summary = _until_stopped(
            file,
            lambda: write_pieces(
                pool.pieces(in_chunks(left, SHARE)),
                file,
                format_,
                folders=folders,
                total=total,
                say=say_note,
            ),
        )
    say_note(_described(summary, request.out))


def _folders(request: BulkRequest, facts: FileFacts) -> SortedFolders | None:
    if request.sort_into is None:
        return None
    return SortedFolders(request.sort_into, facts.names, copy=request.copy)


def _images(paths: Sequence[Path], null: bool) -> Iterator[GivenImage]:
    return lazy_images(paths, sys.stdin.buffer, null=null, left_out=say_note)


def _say_continued(file: PartialFile) -> None:
    if file.images:
        say_note(f"continues {file.partial}: {plural(file.images, 'image')} are there already")


def _until_stopped(file: PartialFile, write: Callable[[], BulkSummary]) -> BulkSummary:
    try:
        return write()
    except KeyboardInterrupt:
        say_stopped(f"{file.images:,} images are predicted; repeat the command to continue.")
        raise


def _predict(
    task: "Task", top: int, workers: int, embeddings: bool, paths: Sequence[Path]
) -> Iterator[Any]:
    from lpt.task.predict_with_features import predict_with_features

    function = partial(predict_with_features, task) if embeddings else task.predict_each
    return function(paths, top=top, chunk=CHUNK, workers=workers)


def _described(summary: BulkSummary, out: Path) -> str:
    text = f"{out}: {plural(summary.images, 'image')}"
    if summary.bad:
        names = ", ".join(map(printable, summary.examples))
        more = ", ..." if summary.bad > len(summary.examples) else ""
        such = f", such as {names}{more}" if names else ""
        text += f"; {summary.bad:,} could not be read{such}: column error says why"
    return text
