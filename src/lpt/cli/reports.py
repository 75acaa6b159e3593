"""lpt analyze, lpt report, lpt bench: analysis and report of runs, and speed."""

from pathlib import Path
from typing import Annotated

import typer

from lpt.cli.early_checks import given_run, given_runs
from lpt.cli.options import Backbone, Device, Run, Threads, Workers
from lpt.cli.printing import say, say_json
from lpt.escape import printable, shell_command
from lpt.machine.threads import use_threads

__all__ = ["analyze", "bench", "report"]

DEFAULT_BENCH = "random:vit_small_patch16_224"


def analyze(
    run: Run,
    data: Annotated[
        str | None,
        typer.Argument(
            help="Other images of the same classes.",
            show_default="test images of the run",
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            help="Other data whose features are compared with these in the LDA plane.",
            show_default="none",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Output folder.", show_default="RUN/analysis")
    ] = None,
    bank: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Number of training images that K-NN and isolation search; from more, an equal "
            "number per class is sampled.",
            show_default="4000 on a CPU, 100000 on a GPU",
        ),
    ] = None,
    workers: Workers = 0,
    device: Device = None,
    threads: Threads = None,
    backbone: Backbone = None,
) -> None:
    """Analyse a run: features, prompts, calibration, confusions and likely label errors."""
    use_threads(threads)
    from lpt.analysis import run_analysis
    from lpt.analysis.report.main_findings import main_findings
    from lpt.reporters import reporter_for

    found, folder = run_analysis(
        run,
        data,
        source=source,
        out=out,
        bank=bank,
        device=device,
        backbone=backbone,
        workers=workers,
        reporter=reporter_for(),
    )
    say("\n".join(map(printable, main_findings(found))))
    where = printable(str(folder))
    say(f"analysis    {where}/analysis.json, one CSV file per table, images/")
    if found.training_suspects:
        listed = shell_command("--bad-images", folder / "suspects.csv")
        say(f"suspects    lpt train DATA {listed} leaves {found.training_suspects:,} images out")
    if out is None and run.is_dir():  # the report reads RUN/analysis
        say(f"next        {shell_command('lpt', 'report', run)}")


def report(
    runs: Annotated[
        list[Path],
        typer.Argument(
            help="Run folder, or several to compare.", show_default=False, callback=given_runs
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="HTML file.",
            show_default="report.html in the run folder, or A_vs_B.html beside the first one",
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite", help="Replace an existing file that is not a report of the same runs."
        ),
    ] = False,
    workers: Workers = 0,
    device: Device = None,
    threads: Threads = None,
) -> None:
    """Write a self-contained HTML report of a run, or a comparison of several.

    The report of an unfinished run shows its epochs so far.
    """
    use_threads(threads)
    from lpt.analysis.report import write_report
    from lpt.reporters import reporter_for

    path = write_report(
        list(runs),
        out,
        overwrite=overwrite,
        device=device,
        workers=workers,
        reporter=reporter_for(),
    )
    say(f"report    {printable(str(path))}")


def bench(
    run: Annotated[
        Path | None,
        typer.Argument(
            metavar="[EXPORT]",
            help="Exported .onnx file, to compare with lpt itself on the same backbone.",
            show_default="none: compare lpt with a plain implementation",
            callback=given_run,
        ),
    ] = None,
    backbone: Annotated[
        str | None,
        typer.Option(
            help="Backbone, as for lpt train.",
            show_default="random:vit_small_patch16_224, or that of EXPORT",
        ),
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Images per step.")] = 8,
    repeats: Annotated[int, typer.Option(min=1, help="Rounds of measurement.")] = 7,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    device: Device = None,
    threads: Threads = None,
    precision: Annotated[
        str, typer.Option(help="float32, bf16, or auto: bf16 on a GPU, float32 on a CPU.")
    ] = "auto",
) -> None:
    """Measure speed relative to a plain implementation and to the bare backbone."""
    use_threads(threads)
    if run is not None:
        from lpt.bench.export_speed import export_speed, render_export

        measured = export_speed(run, backbone, batch, repeats)
        if as_json:
            say_json(measured)
        else:
            say(render_export(measured))
        return
    from lpt.bench.ratios import bench as measure
    from lpt.bench.ratios import render

    result = measure(backbone or DEFAULT_BENCH, batch, repeats, device, precision)
    if as_json:
        say_json(result)
    else:
        say(render(result))
