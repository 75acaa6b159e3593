"""The chart of a study: overall, many, medium and few-shot accuracy of each row, as SVG."""

import re

from lpt.studies.table.study_table import StudyTable
from lpt.svg import Axis, bar_chart

__all__ = ["study_svg"]

SERIES = ("overall", "many", "medium", "few")

_LEGEND = {"many": "many-shot", "medium": "medium-shot", "few": "few-shot"}
_COLOURS = {"overall": "#1b1f24", "many": "#0072b2", "medium": "#b36b00", "few": "#c2338d"}
_STYLE = (
    "svg{background:#fff;font:11.5px system-ui,sans-serif}text{fill:#57606a}"
    ".end{text-anchor:end}.middle{text-anchor:middle}.small{font-size:10.5px;fill:#1b1f24}"
    ".spread{stroke:#8c959f;stroke-width:2.5}.grid{stroke:#d5d9de}.axis,.tick{stroke:#57606a}"
    + "".join(f".{name}{{fill:{colour}}}" for name, colour in _COLOURS.items())
)
"""A standalone file has no page around it that could style it."""


def study_svg(table: StudyTable) -> str:
    """Return a standalone SVG: bars per row, whiskers of one standard deviation over seeds."""
    bars = [
        (
            row.label,
            [(name, row.scores[name].mean if name in row.scores else None) for name in SERIES],
        )
        for row in table.rows
    ]
    values = [value for _, group in bars for _, value in group if value is not None]
    drawn = bar_chart(
        f"{table.name}: {table.about}",
        f"Accuracy on {table.data}; bars from above: {', '.join(SERIES)}.",
        bars,
        [(name, _LEGEND.get(name, name)) for name in SERIES],
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
    opening = re.sub(r"<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', str(drawn), count=1)
    return opening.replace(">", f"><style>{_STYLE}</style>", 1) + "\n"


def _top(value: float) -> float:
    """The next tenth above, so that bars fill the chart."""
    return min(1.0, (int(value * 10) + 1) / 10)
