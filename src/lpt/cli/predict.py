"""The command `lpt predict`."""

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lpt.cli.early_checks import given_paths
from lpt.cli.options import (
    Backbone,
    Device,
    Match,
    NumberType,
    Prior,
    Run,
    Threads,
    Weights,
    Workers,
)
from lpt.cli.predictions.accuracy_threshold import chosen_threshold
from lpt.cli.predictions.bulk_request import BulkRequest, check_shared
from lpt.cli.predictions.decision_request import DecisionRequest, MakeRow, SetsBy, plain_row
from lpt.cli.predictions.prediction_rows import Output, PredictionRow, formatter
from lpt.cli.predictions.prior_request import PriorRequest
from lpt.cli.predictions.shared.prediction_worker import PredictionWorker
from lpt.cli.printing import say, say_note
from lpt.errors import ConfigError, DataError, ParameterError
from lpt.machine.group.place import MOST_PROCESSES
from lpt.machine.threads import use_threads

if TYPE_CHECKING:
    from lpt.cli.predictions.given_images import GivenImage
    from lpt.task import Task

__all__ = ["predict"]

MANY = 100  # images from which on progress is shown
BATCH, CHUNK = 64, 512
"""Images predicted before their rows are printed; starting worker processes takes time."""


def predict(
    run: Run,
    paths: Annotated[
        list[Path],
        typer.Argument(
            help="Images, or folders of images; - reads standard input: paths, one per line, or "
            "the bytes of an image.",
            show_default=False,
            callback=given_paths,
        ),
    ],
    top: Annotated[int, typer.Option(min=1, help="Number of classes per image.")] = 3,
    output: Annotated[
        Output | None,
        typer.Option(
            help="Format: a table for people, CSV with a header, or one JSON object per line.",
            show_default="table",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Same as --output jsonl.")] = False,
    threshold: Annotated[
        str | None,
        typer.Option(
            metavar="FLOAT|FILE",
            help="Mark predictions below this probability as unsure. A file, thresholds.json of an "
            "analysis, gives the threshold for --accuracy.",
            show_default="none",
        ),
    ] = None,
    accuracy: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Choose the threshold that keeps most predictions while this share of the kept "
            "ones is correct, as measured in RUN/analysis/thresholds.json or in the file of "
            "--threshold.",
            show_default="none",
        ),
    ] = None,
    sets: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=0.999,
            help="Add a set of labels to each row that holds the true class for this share of "
            "images, from the validation scores in the task.",
            show_default="none",
        ),
    ] = None,
    sets_by: Annotated[
        SetsBy | None,
        typer.Option(
            help="Promise the coverage of --sets for all images together, or within each group of "
            "many-, medium- and few-shot classes.",
            show_default="all",
        ),
    ] = None,
    precision: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=0.999,
            help="Mark predictions as unsure so that this share of the others is correct in each "
            "group of classes, from the validation scores in the task.",
            show_default="none",
        ),
    ] = None,
    keep: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=0.999,
            help="Mark predictions as unsure so that this share is kept in each group of classes.",
            show_default="none",
        ),
    ] = None,
    null: Annotated[
        bool,
        typer.Option(
            "--null", "-0", help="Paths on standard input end in a NUL byte (find -print0)."
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write to this file (.csv, .jsonl or .parquet) instead; an interrupted command "
            "continues when it is repeated. Images that cannot be read are listed there.",
            show_default="none",
        ),
    ] = None,
    embeddings: Annotated[
        bool, typer.Option("--embeddings", help="Add the features of each image to --out.")
    ] = False,
    sort_into: Annotated[
        Path | None,
        typer.Option(
            help="Link to each image in a folder per predicted class, below this folder; below "
            "the threshold, in 'not sure'.",
            show_default="none",
        ),
    ] = None,
    copy: Annotated[
        bool, typer.Option("--copy", help="Copy the images of --sort-into instead.")
    ] = False,
    prior: Prior = None,
    match: Match = None,
    processes: Annotated[
        int,
        typer.Option(
            min=1,
            max=MOST_PROCESSES,
            help="Predict in several processes, each on a GPU or on its share of the cores. Needs "
            "--out; rows and their order do not depend on it. If one is killed or stopped, the "
            "others predict its images.",
        ),
    ] = 1,
    workers: Workers = 0,
    device: Device = None,
    threads: Threads = None,
    backbone: Backbone = None,
    backbone_weights: Weights = NumberType.FLOAT32,
) -> None:
    """Predict the most probable classes of images.

    Each image has one row, in order. An image that cannot be read has an error in its row; the exit
    code is then 2. Rows are printed as soon as they are known. With --out, any number of images
    takes little memory, and images that cannot be read do not change the exit code. With --prior
    estimate, every image is computed twice.
    """
    use_threads(threads)
    worker = PredictionWorker.of_environment()
    bulk = BulkRequest.of_options(out, embeddings, sort_into, copy)
    if bulk is not None:
        if as_json or output is not None:
            raise ParameterError("`out`: its suffix decides the format. Leave out `output`.")
        bulk.check(paths)
    if as_json and output not in (None, Output.JSONL):
        raise ConfigError(f"--json, --output {output}: choose one of them.")
    chosen = Output.JSONL if as_json else output or Output.TABLE
    frequencies = PriorRequest.of_options(prior, accuracy, paths)
    others = {"threshold": threshold, "accuracy": accuracy, "prior": prior}
    decisions = DecisionRequest.of_options(top, sets, sets_by, precision, keep, others)
    kept = backbone_weights.value
    if processes > 1:
        check_shared(bulk, frequencies)
    if bulk is not None and worker is None:
        from lpt.cli.predictions.begun_file import check_continued

        told: dict[str, float | None] = {} if prior is not None else {"--prior": None}
        if accuracy is None:
            told["--threshold"] = chosen_threshold(run, threshold, None)
        how = None if match is None else match.value
        check_continued(bulk, run, paths, top, how, kept, decisions, told)
    if bulk is not None and processes > 1 and worker is None:
        from lpt.cli.predictions.write_predictions import share_predictions

        share_predictions(bulk, paths, processes, sys.argv[1:], null=null)
        return
    with nullcontext() if worker is None else worker.prepared():
        limit = chosen_threshold(run, threshold, accuracy)
        from lpt.task import load

        task = load(
            run,
            backbone=backbone,
            device=device if worker is None else worker.device(device),
            backbone_weights=backbone_weights.value,
        )
        task = task if match is None else task.with_match(match.value)
        if frequencies is not None:
            task = frequencies.applied(task, workers=workers)
        if bulk is not None:
            from lpt.cli.predictions.write_predictions import BulkPrediction, write_predictions

            known = None if frequencies is None else frequencies.identity(task)
            whole = BulkPrediction(task, run, bulk, top, limit, workers, known, decisions, kept)
            if worker is None:
                write_predictions(whole, paths, null=null)
                return
            facts, answer = whole.facts, whole.answer()
    if worker is not None:
        worker.serve(asdict(facts), answer)
        return
    head, line = formatter(chosen, min(top, len(task.class_names)), sets=sets is not None)
    make_row = plain_row(limit) if decisions is None else decisions.rule(task)
    classes = top if decisions is None else decisions.classes(task)
    write = _write_csv if chosen is Output.CSV else say
    if head:
        write(head)
    bad = total = 0
    for row in _rows(task, paths, classes, make_row, null, workers):
        write(line(row))
        total += 1
        bad += row.prediction is None
    if bad:
        raise DataError(f"{bad:,} of {total:,} images could not be read; their rows say why.")


def _rows(
    task: "Task", paths: list[Path], top: int, make_row: MakeRow, null: bool, workers: int
) -> Iterator[PredictionRow]:
    from lpt.cli.predictions.given_images import STDIN, given_images
    from lpt.progress import SilentReporter
    from lpt.reporters import reporter_for

    chunk = CHUNK if workers else BATCH
    from_stdin = STDIN in map(str, paths)
    for group in given_images(paths, sys.stdin.buffer, null=null, notice=say_note):
        shown = not sys.stdout.isatty() and not from_stdin and len(group) >= MANY
        reporter = reporter_for() if shown else SilentReporter()
        reporter.begin("predict", len(group), unit="images")
        try:
            for start in range(0, len(group), chunk):
                some = group[start : start + chunk]
                yield from _predicted(task, some, top, make_row, chunk, workers)
                reporter.advance(len(some))
        finally:
            reporter.end()


def _predicted(
    task: "Task",
    images: "list[GivenImage]",
    top: int,
    make_row: MakeRow,
    chunk: int,
    workers: int,
) -> Iterator[PredictionRow]:
    sound = [image.content or image.path for image in images if image.error is None]
    found = iter(task.predict_each(sound, top=top, chunk=chunk, workers=workers))
    for image in images:
        result = image.error or next(found)
        path = str(image.path)
        if isinstance(result, DataError):
            # Bytes have no name of their own.
            name = path if image.content is None else "images[0]"
            yield PredictionRow.unreadable(path, result, name)
        else:
            yield make_row(path, result)


def _write_csv(line: str) -> None:
    """Print a line; in a file or a pipe, the bytes of file names stay as they are."""
    if sys.stdout.isatty():
        say(line)
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(line.encode("utf-8", "surrogateescape") + b"\n")
    sys.stdout.buffer.flush()
