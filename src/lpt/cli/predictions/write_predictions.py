"""`lpt predict --out`: from options to a finished file."""

import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from lpt.cli.predictions.bulk_request import BulkRequest
from lpt.cli.predictions.decision_request import DecisionRequest
from lpt.cli.predictions.lazy_images import lazy_images
from lpt.cli.predictions.partial_file import PartialFile
from lpt.cli.predictions.predict_to_file import CHUNK, BulkSummary, predict_to_file
from lpt.cli.predictions.row_bytes import format_of
from lpt.cli.predictions.sorted_folders import SortedFolders
from lpt.cli.printing import say_note, say_stopped
from lpt.escape import printable
from lpt.progress import plural
from lpt.task import Task
from lpt.task.predict_with_features import predict_with_features
from lpt.task.task_digest import task_digest

__all__ = ["write_predictions"]


def write_predictions(
    task: Task,
    run: Path,
    paths: Sequence[Path],
    request: BulkRequest,
    *,
    top: int,
    threshold: float | None,
    null: bool,
    workers: int,
    prior: str | None = None,
    decisions: DecisionRequest | None = None,
) -> None:
    """Predict all images into a file, and report what it holds on standard error.

    Args:
        task: loaded from `run`.
        top: number of classes per image.
        threshold, null, workers: as for `lpt predict`.
        decisions: sets and thresholds, if they were asked for.
        prior: identity of the class frequencies that `task` predicts under, if not its own.
    Raises: LptError if the file cannot be written or continued.
    """
    top = min(top, len(task.class_names))
    arguments = {
        "RUN": task_digest(run),
        "--top": top,
        "--threshold": threshold,
        "--embeddings": request.embeddings,
        "--sort-into": None if request.sort_into is None else str(request.sort_into.absolute()),
        "--copy": request.copy,
        "--prior": prior,
        **({} if task.match == "exact" else {"--match": task.match}),
        **({} if decisions is None else decisions.identity()),
    }
    width = task.model.backbone.feature_width if request.embeddings else None
    classes = top if decisions is None else decisions.classes(task)
    folders = None
    with PartialFile(request.out, arguments) as file:
        if request.sort_into is not None:
            folders = SortedFolders(request.sort_into, task.class_names, copy=request.copy)
        if file.images:
            say_note(f"continues {file.partial}: {plural(file.images, 'image')} are there already")
        try:
            summary = predict_to_file(
                partial(_predict, task, classes, workers, request.embeddings),
                lazy_images(paths, sys.stdin.buffer, null=null, left_out=say_note),
                file,
                format_of(request.out, top, width, sets=bool(decisions and decisions.sets)),
                threshold=threshold,
                make_row=None if decisions is None else decisions.rule(task),
                folders=folders,
                say=say_note,
            )
        except KeyboardInterrupt:
            say_stopped(f"{file.images:,} images are predicted; repeat the command to continue.")
            raise
    say_note(_described(summary, request.out))


def _predict(
    task: Task, top: int, workers: int, embeddings: bool, paths: Sequence[Path]
) -> Iterator[Any]:
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
