"""Render the HTML file of `lpt report` from run folders."""

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from lpt.analysis.report import comparison, figures
from lpt.analysis.report.advice import advice
from lpt.analysis.report.finished_run import (
    FinishedRun,
    check_finished,
    flat_settings,
    read_finished_run,
)
from lpt.analysis.run_analysis import run_analysis
from lpt.errors import RunError
from lpt.evaluation import ClassScore
from lpt.files import write_text
from lpt.progress import Reporter, human_time, percent
from lpt.records import SUMMARY_METRICS

__all__ = ["write_report"]

ROWS = 25
"""Rows of the class table without JavaScript and in print."""


def write_report(
    runs: Sequence[str | Path],
    out: str | Path | None = None,
    *,
    device: str | None = None,
    workers: int = 0,
    reporter: Reporter | None = None,
) -> Path:
    """Write an HTML report of one run, or a comparison of several.

    A run without an analysis is analysed first, on its own test images.

    Args:
        runs: finished run folders.
        out: output file; None for report.html in the run folder, or comparison.html beside the
            first of several run folders.
        device: "cpu", "cuda", or None for a GPU if there is one.
        workers: processes that load images; 0 loads in this one.
        reporter: receives progress; None for none.
    Returns: path of the HTML file, which is self-contained.
    Raises: RunError naming the file that is missing or damaged.
    """
    folders = [Path(run) for run in runs]
    if not folders:
        raise RunError("report: no run given. Give one run folder, or several to compare.")
    for folder in folders:
        check_finished(folder)
        if not (folder / "analysis" / "analysis.json").is_file():
            run_analysis(folder, device=device, workers=workers, reporter=reporter)
    found = [read_finished_run(folder) for folder in folders]
    if len(found) == 1:
        path, text = folders[0] / "report.html", _one(found[0])
    else:
        path, text = folders[0].parent / "comparison.html", _several(found)
    path = path if out is None else Path(out)
    write_text(path, text)
    return path


def _one(run: FinishedRun) -> str:
    found, records = run.analysis, run.metrics
    matching = found.matching
    return _template("run.html.j2").render(
        run=run,
        found=found,
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


def _several(runs: Sequence[FinishedRun]) -> str:
    settings = [flat_settings(run.config) for run in runs]
    names = dict.fromkeys(name for one in settings for name in one)
    values = {name: [one.get(name, "") for one in settings] for name in names}
    return _template("comparison.html.j2").render(
        runs=runs,
        group_chart=comparison.group_chart(runs),
        tail_chart=comparison.tail_chart(runs),
        validation_chart=comparison.validation_chart(runs),
        differing={name: row for name, row in values.items() if len(set(row)) > 1},
        movers=comparison.movers(runs[0], runs[-1]),
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
        "size": lambda value: f"{value / 1e9:.2f} GB" if value >= 1e9 else f"{value / 1e6:.2f} MB",
    }
    environment.globals |= {
        "style": Markup(_file("style.css")),
        "script": Markup(_file("page.js")),
        "GROUPS": figures.GROUPS,
        "METRICS": SUMMARY_METRICS,
    }
    return environment.get_template(name)


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
