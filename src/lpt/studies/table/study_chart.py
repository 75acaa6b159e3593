"""The chart of a study: overall, many, medium and few-shot accuracy of each row, as SVG."""

from lpt.progress import known_metrics
from lpt.studies.table.cost_chart import cost_svg
from lpt.studies.table.study_table import StudyTable
from lpt.svg import Axis, bar_chart
from lpt.svg.standalone import standalone_svg

__all__ = ["study_svg"]

SERIES = ("overall", "many", "medium", "few")

_LEGEND = {"many": "many-shot", "medium": "medium-shot", "few": "few-shot"}


def study_svg(table: StudyTable) -> str:
    """Return a standalone SVG: bars per row, whiskers of one standard deviation over seeds.

    A study whose rows belong to curves has the figure of `cost_svg` instead.
    """
    if any(row.curve for row in table.rows):
        return cost_svg(table)
    measured = known_metrics(row.scores for row in table.rows)
    series = [name for name in SERIES if name in measured]
    bars = [
        (
            row.label,
            [(name, row.scores[name].mean if name in row.scores else None) for name in series],
        )
        for row in table.rows
    ]
    values = [value for _, group in bars for _, value in group if value is not None]
    drawn = bar_chart(
        f"{table.name}: {table.about}",
        f"Accuracy on {table.data}; bars from above: {', '.join(series)}.",
        bars,
        [(name, _LEGEND.get(name, name)) for name in series],
        Axis("accuracy", 0, _top(max(values, default=1.0)), "percent"),
        {
            (row.label, name): spread.deviation
            for row in table.rows
            for name, spread in row.scores.items()
        },
        width=640,
        label=40,
        legend_inside=True,
    )
    return standalone_svg(drawn)


def _top(value: float) -> float:
    """The next tenth above, so that bars fill the chart."""
    return min(1.0, (int(value * 10) + 1) / 10)
