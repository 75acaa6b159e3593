"""A file of predictions that was begun: refused for other options before a task is loaded."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lpt.cli.predictions.bulk_request import BulkRequest, unless_usual
from lpt.cli.predictions.decision_request import DecisionRequest
from lpt.cli.predictions.given_images import STDIN
from lpt.cli.predictions.lazy_images import lazy_images
from lpt.cli.predictions.partial_file import check_begun, is_begun
from lpt.errors import TaskFileError

__all__ = ["check_continued"]


def check_continued(
    request: BulkRequest,
    run: Path,
    paths: Sequence[Path],
    top: int,
    match: str | None,
    weights: str,
    decisions: DecisionRequest | None,
    told: Mapping[str, Any],
) -> None:
    """Check that a file that was begun can be continued, before backbone and task are loaded.

    What only the loaded task tells is compared when the file is opened, and so are images on
    standard input.

    Args:
        request, run, top, weights, decisions: as for `BulkPrediction`.
        paths: the images and folders to predict.
        match: as for `lpt predict`; None for the task's own.
        told: those of `--threshold` and `--prior` that are known.
    Raises: LptError as `lpt.cli.predictions.partial_file.check_begun`.
    """
    if not is_begun(request.out):
        return
    from lpt.task_spec import read_spec

    try:
        spec = read_spec(run / "task.safetensors" if run.is_dir() else run)
        arguments = request.identity(run, weights)
    except TaskFileError:
        return  # loading it says what is wrong
    known = {
        **arguments,
        **(decisions or DecisionRequest(top)).identity(),
        "--top": min(top, len(spec.class_names)),
        "--match": unless_usual(match or spec.match, "exact"),
        **told,
    }
    images = None
    if STDIN not in map(str, paths):
        images = (str(image.path) for image in lazy_images(paths, sys.stdin.buffer))
    check_begun(request.out, known, images)
