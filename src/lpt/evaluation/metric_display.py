"""Metrics in notebooks: as an HTML table, a chart and a data frame."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lpt.data.class_groups import ClassGroups
from lpt.errors import LptError
from lpt.escape import printable
from lpt.progress import SUMMARY_METRICS, percent

__all__ = ["Drawing", "MetricsDisplay", "accuracy_html", "accuracy_plot", "data_frame"]

Scores = Mapping[str, float | None]


class Drawing:
    """An SVG that a notebook shows.

    Attributes:
        svg: its text.
    """

    def __init__(self, svg: str) -> None:
        self.svg = svg

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.svg.encode()).decode()
        return f'<img src="data:image/svg+xml;base64,{data}" alt="accuracy by shot group">'

    def save(self, path: str | Path) -> None:
        """Write the SVG file."""
        from lpt.files.atomic_files import write_text

        write_text(Path(path), self.svg)


class MetricsDisplay:
    """Rich display of `lpt.evaluation.Metrics`."""

    class_scores: tuple[Any, ...]
    groups: ClassGroups

    def summary(self) -> dict[str, float | None]:
        """Return the accuracies by name."""
        raise NotImplementedError

    def _repr_html_(self) -> str:
        return accuracy_html({"accuracy": self.summary()}, self.groups)

    def plot(self) -> Any:
        """Draw the accuracies: matplotlib's Axes if it is installed, else a `Drawing`."""
        return accuracy_plot({"accuracy": self.summary()})

    def to_pandas(self) -> Any:
        """Return a data frame with a row per class: counts, recall, precision, F1.

        Raises: LptError if pandas is not installed.
        """
        return data_frame([asdict(score) for score in self.class_scores])


def accuracy_html(rows: Mapping[str, Scores], groups: ClassGroups | None = None) -> str:
    """Return accuracies in per cent as an HTML table, a row per name; columns without a value go.

    >>> html = accuracy_html({"<phase 2>": {"overall": 0.5, "few": None}})
    >>> "&lt;phase 2&gt;" in html, "50.0" in html, "few" in html
    (True, True, False)
    """
    from markupsafe import Markup, escape

    shown = [n for n in SUMMARY_METRICS if any(row.get(n) is not None for row in rows.values())]
    head = Markup("").join(Markup("<th>{}</th>").format(name) for name in ("", *shown))
    body = Markup("").join(
        Markup("<tr><th>{}</th>{}</tr>").format(
            printable(name),
            Markup("").join(Markup("<td>{}</td>").format(percent(row.get(n))) for n in shown),
        )
        for name, row in rows.items()
    )
    note = "accuracy in %"
    if groups is not None:
        bounds = groups.describe()
        note += "; training images per class: " + ", ".join(
            f"{name} {text}" for name, text in bounds.items() if name in shown
        )
    return str(
        Markup("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table><p>{}</p>").format(
            head, body, escape(note)
        )
    )


def accuracy_plot(rows: Mapping[str, Scores]) -> Any:
    """Draw overall and shot-group accuracy: matplotlib's Axes if installed, else a `Drawing`."""
    from lpt.svg.standalone import COLOURS, standalone_svg

    series = [n for n in COLOURS if any(row.get(n) is not None for row in rows.values())]
    if find_spec("matplotlib") is not None:
        return _matplotlib(rows, {name: COLOURS[name] for name in series})
    from lpt.svg import Axis, bar_chart

    drawn = bar_chart(
        "Accuracy by shot group",
        f"Bars from above: {', '.join(series)}.",
        [(printable(name), [(one, row.get(one)) for one in series]) for name, row in rows.items()],
        [(one, one) for one in series],
        Axis("accuracy", 0, 1, "percent"),
        legend_inside=True,
    )
    return Drawing(standalone_svg(drawn))


def data_frame(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Return rows as a data frame. Raises: LptError if pandas is not installed."""
    if find_spec("pandas") is None:
        raise LptError("to_pandas: pandas is not installed. Run: pip install pandas")
    import pandas

    return pandas.DataFrame(list(rows))


def _matplotlib(rows: Mapping[str, Scores], colours: Mapping[str, str]) -> Any:
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(figsize=(6.4, 1.2 + 0.8 * len(rows)), layout="constrained")
    names, high = [printable(name) for name in rows], 0.8 / max(1, len(colours))
    for place, (one, colour) in enumerate(colours.items()):
        values = [row.get(one) or 0.0 for row in rows.values()]
        middles = [number + high * place for number in range(len(names))]
        bars = axes.barh(middles, values, high * 0.9, label=one, color=colour)
        axes.bar_label(bars, [percent(value) for value in values], padding=3)
    axes.set_yticks([n + high * (len(colours) - 1) / 2 for n in range(len(names))], names)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel("accuracy")
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    axes.legend()
    return axes
