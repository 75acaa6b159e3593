"""lpt analyze, lpt report, lpt bench: analysis and report of runs, and speed."""

from pathlib import Path
from typing import Annotated

import typer

from lpt.cli.early_checks import given_run, given_runs
from lpt.cli.options import Backbone, Device, Run, Threads, Workers
from lpt.cli.printing import say, say_json, say_note
from lpt.errors import ParameterError
from lpt.escape import printable, shell_command
from lpt.machine.device_name import check_precision_name
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
    from lpt.data.sources.data_string import parse_spec
    from lpt.data.sources.read_source import check_exists

    for given in filter(None, (data, source)):
        check_exists(parse_spec(given))  # before torch is imported
    from lpt.analysis import run_analysis
    from lpt.analysis.report.main_findings import main_findings
    from lpt.analysis.report.repeat import without_command
    from lpt.reporters import reporter_for
    from lpt.training.run.run_folder import RunFolder

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
        own = run if run.is_dir() else run.parent
        suspects = folder / "suspects.csv"
        say(
            f"suspects    {printable(str(suspects))}: look at them, then leave them out with: "
            f"{without_command(RunFolder(own).read_config(), own, suspects)}"
        )
    if out is None and run.is_dir():  # these commands read RUN/analysis
        say(f"review      {shell_command('lpt', 'review', run)}")
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
    what: Annotated[
        str,
        typer.Argument(
            metavar="[speed|serve|EXPORT]",
            help="speed of training and inference; serve: many tasks at once; or an exported .onnx "
            "file, to compare with lpt itself on the same backbone.",
        ),
    ] = "speed",
    backbone: Annotated[
        str | None,
        typer.Option(
            help="Backbone, as for lpt train.",
            show_default=f"{DEFAULT_BENCH}, or that of EXPORT",
        ),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(min=1, help="Images per step.", show_default="8, or 32 for serve"),
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Rounds of measurement.")] = 7,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    device: Device = None,
    threads: Threads = None,
    precision: Annotated[
        str, typer.Option(help="float32, bf16, or auto: bf16 on a GPU, float32 on a CPU.")
    ] = "auto",
    check: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.json",
            help="Compare ratios with those of an earlier lpt bench --json, of the same backbone, "
            "batch size and precision; exit code 1 if one is worse.",
        ),
    ] = None,
    tolerance: Annotated[
        float, typer.Option(min=0, max=1, help="Relative loss that --check accepts.")
    ] = 0.1,
) -> None:
    """Measure speed relative to a plain implementation and to the bare backbone.

    `lpt bench serve` measures what serving many tasks costs, relative to one task.
    """
    use_threads(threads)
    check_precision_name(precision)
    if check is not None:
        if what != "speed" or backbone or batch or precision != "auto":
            raise ParameterError("`check`: takes backbone, batch and precision from its file.")
        _check_speed(check, tolerance, repeats, device)
        return
    if what == "serve":
        from lpt.bench.serve_bench import bench_serving, render_serving

        if precision not in ("auto", "float32"):
            raise ParameterError(f"`precision` {precision}: tasks are served in float32.")
        served = bench_serving(
            backbone or DEFAULT_BENCH, batch or 32, repeats, device, on_part=say_note
        )
        if as_json:
            say_json(served)
        else:
            say(render_serving(served))
        return
    if what != "speed":
        from lpt.bench.export_speed import export_speed, render_export

        exported = given_run(Path(what))
        assert exported is not None  # it was given
        measured = export_speed(exported, backbone, batch or 8, repeats, precision)
        if as_json:
            say_json(measured)
        else:
            say(render_export(measured))
        return
    from lpt.bench.ratios import bench as measure
    from lpt.bench.ratios import render

    result = measure(backbone or DEFAULT_BENCH, batch or 8, repeats, device, precision)
    if as_json:
        say_json(result)
    else:
        say(render(result))


def _check_speed(file: Path, tolerance: float, repeats: int, device: str | None) -> None:
    """Measure as an earlier time did, and exit with code 1 if a ratio is worse."""
    from lpt.bench.regression import compare, read_baseline, render_check

    before = read_baseline(file)
    from lpt.bench.ratios import bench as measure

    memory = before.memory_ratio is not None
    result = measure(
        before.backbone, before.batch, repeats, device, before.precision, memory=memory
    )
    found = compare(result, before, tolerance)
    say(render_check(found, result, before))
    if any(one.worse for one in found):
        raise typer.Exit(1)
