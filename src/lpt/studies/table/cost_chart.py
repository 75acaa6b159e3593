"""The figure of a study with curves: accuracy against seconds of training, as SVG."""

import math

from lpt.studies.table.study_table import StudyTable, TableRow
from lpt.svg import Axis, Chart
from lpt.svg.standalone import CURVES, standalone_svg

__all__ = ["cost_svg"]


def cost_svg(table: StudyTable) -> str:
    """Return a standalone SVG: a line per curve, with whiskers of one standard deviation.

    A vertical line marks the smallest time that reaches the best result (`table.costs`). Rows on
    several backbones have curves of their own.
    """
    curves = _curves(table)
    rows = [row for found in curves.values() for row in found]
    seconds = [row.seconds.mean for row in rows if row.seconds is not None] or [1.0]
    shares = [row.scores["overall"].mean for row in rows] or [0.0, 1.0]
    chart = Chart(
        f"{table.name}: {table.about}",
        f"Overall accuracy on {table.data} against seconds of training, a line per method.",
        Axis("seconds of training", 0.8 * min(seconds), 1.25 * max(seconds), "log"),
        Axis("overall accuracy", *_ends(shares), "percent"),
    )
    for cost in table.costs:
        if not cost.curve:
            chart.mark(cost.enough.seconds, f"enough: {cost.enough.label}")
    for series, (curve, found) in zip(_series(len(curves)), curves.items(), strict=True):
        points = []
        for row in found:
            assert row.seconds is not None
            share = row.scores["overall"]
            points.append((row.seconds.mean, share.mean))
            if share.deviation > 0:
                low, high = share.mean - share.deviation, share.mean + share.deviation
                chart.whisker(row.seconds.mean, low, high)
        chart.line(points, series, curve)
        chart.dots(points, series, names=[row.label for row in found])
    return standalone_svg(chart.render_inside())


def _curves(table: StudyTable) -> dict[str, list[TableRow]]:
    """Trained rows by curve, the cheapest first."""
    several = len({row.backbone for row in table.rows if row.curve}) > 1
    found: dict[str, list[TableRow]] = {}
    for row in table.rows:
        if row.curve and row.seconds is not None and "overall" in row.scores:
            name = f"{row.backbone}: {row.curve}" if several else row.curve
            found.setdefault(name, []).append(row)
    for rows in found.values():
        rows.sort(key=lambda row: row.seconds.mean if row.seconds else 0.0)
    return found


def _series(count: int) -> list[str]:
    names = list(CURVES)
    return [names[i % len(names)] for i in range(count)]


def _ends(shares: list[float]) -> tuple[float, float]:
    """Ends of the axis: the twentieths around the values."""
    low = max(0.0, math.floor(20 * min(shares) - 1e-9) / 20)
    return low, min(1.0, math.ceil(20 * max(shares) + 1e-9) / 20)
