"""Render the HTML file of `lpt report` from run folders."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from lpt.analysis.report import comparison, figures
from lpt.analysis.report.advice import advice
from lpt.analysis.report.destination import check_destination, destination, generator
from lpt.analysis.report.finished_run import (
    FinishedRun,
    check_finished,
    distinct_labels,
    flat_settings,
    is_finished,
    is_tested,
    read_finished_run,
    read_unfinished_run,
)
from lpt.analysis.report.intervals import group_intervals
from lpt.analysis.report.pairing import pair_runs, remarks
from lpt.analysis.report.repeat import given_command, repeat_command
from lpt.analysis.run_analysis import run_analysis
from lpt.analysis.thumbnails import TRAINING
from lpt.errors import RunError
from lpt.escape import printable, shell_command
from lpt.evaluation import ClassScore
from lpt.files.atomic_files import write_text
from lpt.progress import SUMMARY_METRICS, Reporter, human_time, known_metrics, percent

__all__ = ["write_report"]

ROWS = 25
"""Rows of the class table without JavaScript and in print."""


def write_report(
    runs: Sequence[str | Path],
    out: str | Path | None = None,
    *,
    overwrite: bool = False,
    device: str | None = None,
    workers: int = 0,
    reporter: Reporter | None = None,
) -> Path:
    """Write an HTML report of one run, or a comparison of several.

    A finished run without an analysis is analysed first, on its own test images. The report of a
    run that is not finished, or that holds out no images, has what its epochs have recorded.

    Args:
        runs: run folders; several must be finished.
        out: output file; None for report.html in the run folder, or A_vs_B.html beside the first of
            several run folders.
        overwrite: replace an existing file even if it is not a report of the same runs.
        device: "cpu", "cuda", or None for a GPU if there is one.
        workers: processes that load images; 0 loads in this one.
        reporter: receives progress; None for none.
    Returns: path of the HTML file, which is self-contained.
    Raises: RunError naming the file that is missing or damaged, a run that is given twice, or an
        existing file that is not a report of the same runs.
    """
    folders = [Path(run) for run in runs]
    if not folders:
        raise RunError("report: no run given. Give one run folder, or several to compare.")
    labels = distinct_labels(folders)
    path, mark = destination(folders, out), generator(labels)
    own_place = out is None and len(folders) == 1
    check_destination(path, None if own_place else mark, overwrite=overwrite)
    if len(folders) == 1 and not (is_finished(folders[0]) and is_tested(folders[0])):
        text = _untested(folders[0], mark)
    else:
        found = []
        for folder, label in zip(folders, labels, strict=True):
            check_finished(folder)
            if not (folder / "analysis" / "analysis.json").is_file():
                run_analysis(folder, device=device, workers=workers, reporter=reporter)
            found.append(replace(read_finished_run(folder), label=label))
        text = _one(found[0], mark) if len(found) == 1 else _several(found, mark)
    write_text(path, text)
    return path


def _one(run: FinishedRun, mark: str) -> str:
    found, records = run.analysis, run.metrics
    matching = found.matching
    return _template("run.html.j2").render(
        mark=mark,
        run=run,
        found=found,
        intervals=group_intervals(found.classes),
        measured=_measured(run),
        again=repeat_command(run.config, run.path),
        given=given_command(run.environment),
        advice=advice(found),
        validation_chart=figures.validation_chart(records),
        loss_chart=figures.loss_chart(records),
        tail_chart=figures.tail_chart(found.classes),
        calibration_chart=figures.calibration_chart(found),
        coverage_chart=figures.coverage_chart(found),
        lda_chart=figures.lda_chart(found),
        best_map=matching and figures.matching_map(matching, found.classes, "best"),
        second_map=matching and figures.matching_map(matching, found.classes, "second"),
        prompt_chart=matching and figures.prompt_chart(matching),
        key_map=matching and figures.key_map(matching),
        class_rows=sorted(found.classes, key=lambda c: (c.train_images, c.name))[:ROWS],
        class_data=_script_json([_class_row(c) for c in found.classes]),
    )


def _measured(run: FinishedRun) -> set[str]:
    """Metrics with images on the analysed data or on that of the results; others have no column."""
    scores = [run.analysis.summary]
    scores += [one for by_data in run.results["metrics"].values() for one in by_data.values()]
    return {name for one in scores for name, value in one.items() if value is not None}


def _untested(path: Path, mark: str) -> str:
    """A report without results on held-out images: not finished, or nothing to test."""
    run = read_unfinished_run(path)
    if is_finished(path):
        state, notice = "not tested", "Nothing was tested: all images are training images."
        way = "Analyse it on other images of the same classes, then make this report again:"
        command = shell_command("lpt", "analyze", path, "DATA")
    else:
        state, notice = "not finished", "This run is not finished."
        way = "Continue it with:"
        command = shell_command("lpt", "train", "--out", path, "--resume")
    return _template("untested.html.j2").render(
        mark=mark,
        run=run,
        state=state,
        notice=notice,
        way=way,
        command=command,
        GROUPS=known_metrics((one.get("val") or {} for one in run.metrics), figures.GROUPS),
        validation_chart=figures.validation_chart(run.metrics),
        loss_chart=figures.loss_chart(run.metrics),
    )


def _several(runs: Sequence[FinishedRun], mark: str) -> str:
    pairs = [pair_runs(runs[0], other) for other in runs[1:]]
    moved = comparison.movers(runs[0], runs[-1])
    settings = [flat_settings(run.config) for run in runs]
    names = dict.fromkeys(name for one in settings for name in one)
    values = {name: [one.get(name, "") for one in settings] for name in names}
    return _template("comparison.html.j2").render(
        mark=mark,
        runs=runs,
        pairs=pairs,
        remarks=remarks(runs, pairs),
        group_chart=comparison.group_chart(runs),
        tail_chart=comparison.tail_chart(runs),
        validation_chart=comparison.validation_chart(runs),
        differing={name: row for name, row in values.items() if len(set(row)) > 1},
        movers=moved,
        METRICS=known_metrics(run.analysis.summary for run in runs),
        intervals=None if all(pairs) else [group_intervals(run.analysis.classes) for run in runs],
        uneven=any(len(set(m.train_images)) > 1 or len(set(m.test_images)) > 1 for m in moved),
    )


def _template(name: str) -> Template:
    environment = Environment(
        loader=PackageLoader("lpt.analysis.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": percent,
        "duration": human_time,
        "count": lambda value: f"{value:,.0f}",
        "decimals": _decimals,
        "points": lambda value: f"{100 * value:+.1f}",
        "both": _both,
        "escaped": printable,
        "size": lambda value: f"{value / 1e9:.2f} GB" if value >= 1e9 else f"{value / 1e6:.2f} MB",
    }
    environment.globals |= {
        "style": Markup(_file("style.css")),
        "script": Markup(_file("page.js")),
        "GROUPS": figures.GROUPS,
        "METRICS": SUMMARY_METRICS,
        "TRAINING": TRAINING,
    }
    return environment.get_template(name)


def _both(counts: tuple[int, int]) -> str:
    """One number if both runs have it, else one for each."""
    return " / ".join(f"{count:,}" for count in dict.fromkeys(counts))


def _decimals(value: float | None, places: int = 2) -> str:
    return "-" if value is None else f"{value:.{places}f}"


def _file(name: str) -> str:
    folder = resources.files("lpt.analysis.report") / "templates"
    return (folder / name).read_text(encoding="utf-8")


def _class_row(score: ClassScore) -> list[Any]:
    shares = (score.recall, score.precision, score.f1)
    rounded = [None if share is None else round(share, 4) for share in shares]
    return [score.name, score.group, score.train_images, score.test_images, *rounded]


def _script_json(value: Sequence[Any] | Mapping[str, Any]) -> Markup:
    """Encode JSON for a script element so that no name in it can end the element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))
