"""The command `lpt evaluate`."""

from pathlib import Path
from typing import Annotated

import typer

from lpt.cli.early_checks import open_local_sets
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
    named_data,
)
from lpt.cli.printing import say, say_error, say_json
from lpt.escape import printable
from lpt.machine.threads import use_threads

__all__ = ["evaluate"]


def evaluate(
    run: Run,
    data: Annotated[
        list[str] | None,
        typer.Argument(
            help="Test data, each as PATH or name=PATH: any data with the same class names, or the "
            "folder of ImageNet-V2, -Sketch, -R, -A, -C or ObjectNet. The run's own test images "
            "are scored too; without DATA, only these.",
            show_default=False,
        ),
    ] = None,
    corruptions: Annotated[
        bool,
        typer.Option(
            "--corruptions",
            help="Also score the run's test images with added noise, blur, lower contrast and JPEG "
            "artefacts, at five severities each.",
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for CSV and JSON files.", show_default="RUN/evaluation"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    again: Annotated[
        bool,
        typer.Option(
            "--again",
            help="Predict again, although the images and the task are those scored before.",
        ),
    ] = False,
    prior: Prior = None,
    match: Match = None,
    workers: Workers = 0,
    device: Device = None,
    threads: Threads = None,
    backbone: Backbone = None,
    backbone_weights: Weights = NumberType.FLOAT32,
) -> None:
    """Score a task by shot group, and per class as CSV and JSON files."""
    use_threads(threads)
    from lpt.data.sources.data_string import parse_spec
    from lpt.data.sources.read_source import check_exists

    named = named_data(data or [])
    for source in named.values():
        check_exists(parse_spec(source))
    opened = open_local_sets(run, named)
    from lpt.reporters import reporter_for
    from lpt.shift.score_sets import score_sets
    from lpt.shift.set_tables import render_scores, trained_warnings
    from lpt.task import load

    task = load(run, backbone=backbone, device=device, backbone_weights=backbone_weights.value)
    task = task if match is None else task.with_match(match.value)
    folder = out or (run / "evaluation" if run.is_dir() else None)
    scores = score_sets(
        run,
        task,
        named,
        corruptions=corruptions,
        folder=folder,
        workers=workers,
        reporter=reporter_for(),
        keep=True,
        again=again,
        prior=prior,
        opened=opened,
    )
    for warning in trained_warnings(scores):
        say_error(f"warning: {warning}")
    if as_json:
        say_json({score.name: score.to_json() for score in scores})
        return
    say(render_scores(scores, task.groups))
    if folder is not None:
        say(f"per class: {printable(str(folder))}/*.csv and *.json")
