"""lpt analyze, lpt report, lpt bench: what a run learned, and how fast it is."""

import json
from pathlib import Path
from typing import Annotated

import typer

from lpt.cli.options import Device, Run, Workers

__all__ = ["analyze", "bench", "report"]


def analyze(
    run: Run,
    data: Annotated[
        str | None,
        typer.Argument(
            help="Other images of the same classes; by default the run's own test images.",
            show_default=False,
        ),
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="Other data to show beside these in the plane of features.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the findings; by default RUN/analysis.")
    ] = None,
    bank: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Training images that K-NN and isolation compare with, an equal number of each "
            "class where there are more; by default 4,000 on a CPU, 100,000 on a GPU.",
        ),
    ] = None,
    workers: Workers = 0,
    device: Device = None,
) -> None:
    """Features, matched prompts, calibration, confusions and suspect labels of a run."""
    from lpt.analysis import run_analysis
    from lpt.reporters import reporter_for

    _, folder = run_analysis(
        run,
        data,
        source=source,
        out=out,
        bank=bank,
        device=device,
        workers=workers,
        reporter=reporter_for(),
    )
    print(f"analysis  {folder}/analysis.json, a CSV a table, images/")
    print(f"next      lpt report {run}")


def report(
    runs: Annotated[
        list[Path], typer.Argument(help="A run folder, or several to compare.", show_default=False)
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="HTML file; by default report.html or comparison.html beside the runs."),
    ] = None,
    workers: Workers = 0,
    device: Device = None,
) -> None:
    """One HTML file that opens offline: how a run went, or how several differ."""
    from lpt.analysis.report import write_report
    from lpt.reporters import reporter_for

    path = write_report(list(runs), out, device=device, workers=workers, reporter=reporter_for())
    print(f"report    {path}")


def bench(
    backbone: Annotated[
        str, typer.Option(help="As for lpt train.")
    ] = "random:vit_small_patch16_224",
    batch: Annotated[int, typer.Option(min=1, help="Images a step.")] = 8,
    repeats: Annotated[int, typer.Option(min=1, help="Rounds of measurement.")] = 7,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout, no table.")] = False,
    device: Device = None,
    precision: Annotated[str, typer.Option(help="float32, bf16, or auto: bf16 on GPUs.")] = "auto",
) -> None:
    """Speed as ratios measured in one run: against a plain implementation and the bare backbone."""
    from lpt.bench.ratios import bench as measure
    from lpt.bench.ratios import render

    result = measure(backbone, batch, repeats, device, precision)
    print(json.dumps(result, indent=2) if as_json else render(result))
