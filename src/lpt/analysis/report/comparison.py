"""Figures and tables that compare several runs."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from lpt.analysis.report.figures import SHARE, tail_line
from lpt.analysis.report.finished_run import FinishedRun
from lpt.progress import known_metrics
from lpt.svg import Axis, Chart, bar_chart

__all__ = ["Mover", "group_chart", "movers", "tail_chart", "validation_chart"]

MOVERS = 10


@dataclass(frozen=True)
class Mover:
    """A class whose recall differs between two runs.

    Attributes:
        name: class name.
        train_images: number of its training images in the first and in the last run.
        test_images: number of its analysed images in the first and in the last run.
        first, last: recall in the first and the last run.
    """

    name: str
    train_images: tuple[int, int]
    test_images: tuple[int, int]
    first: float
    last: float


def group_chart(runs: Sequence[FinishedRun]) -> Markup:
    """Draw overall, shot-group and macro accuracy, one bar per run."""
    measured = [(f"run{i}", run.analysis.summary) for i, run in enumerate(runs)]
    names = known_metrics(scores for _, scores in measured)
    return bar_chart(
        "Accuracy by shot group and run",
        "; ".join(
            f"{run.name} overall {100 * (run.analysis.summary['overall'] or 0):.1f} %"
            for run in runs
        ),
        [(name, [(series, scores.get(name)) for series, scores in measured]) for name in names],
        [(f"run{i}", run.name) for i, run in enumerate(runs)],
        Axis("accuracy", 0, 1, "percent", SHARE),
    )


def tail_chart(runs: Sequence[FinishedRun]) -> Markup:
    """Draw accuracy against class size, one line per run."""
    sizes = [c.train_images for run in runs for c in run.analysis.classes if c.test_images]
    chart = Chart(
        "Accuracy by class size and run",
        "Classes of similar size are pooled.",
        Axis("training images per class", max(1, min(sizes)), max(2, *sizes), "log"),
        Axis("accuracy", 0, 1, "percent", SHARE),
    )
    for i, run in enumerate(runs):
        points = tail_line(run.analysis.classes)
        chart.line(points, f"run{i}", run.name)
        chart.dots(points, f"run{i}")
    return chart.render()


def validation_chart(runs: Sequence[FinishedRun]) -> Markup | None:
    """Draw overall validation accuracy by epoch, one line per run; None without records."""
    epochs = max(len(run.metrics) for run in runs)
    chart = Chart(
        "Validation accuracy by epoch and run",
        "Overall accuracy on validation images; phase 2 follows phase 1.",
        Axis("epoch", 0, max(1, epochs)),
        Axis("validation accuracy", 0, 1, "percent", SHARE),
    )
    drawn = False
    for i, run in enumerate(runs):
        points = [
            (e + 1, record["val"]["overall"])
            for e, record in enumerate(run.metrics)
            if record.get("val")
        ]
        chart.line(points, f"run{i}", run.name)
        drawn = drawn or bool(points)
    return chart.render() if drawn else None


def movers(first: FinishedRun, last: FinishedRun) -> tuple[Mover, ...]:
    """List the classes whose recall differs most between two runs, largest difference first."""
    before = {c.name: c for c in first.analysis.classes}
    found = [
        Mover(
            c.name,
            (before[c.name].train_images, c.train_images),
            (before[c.name].test_images, c.test_images),
            before[c.name].recall or 0.0,
            c.recall,
        )
        for c in last.analysis.classes
        if c.recall is not None and c.name in before and before[c.name].recall is not None
    ]
    found = [mover for mover in found if mover.first != mover.last]
    return tuple(sorted(found, key=lambda m: (-abs(m.last - m.first), m.name))[:MOVERS])
