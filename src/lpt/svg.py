"""Charts as inline SVG. The page's style sheet colours them, for light, dark and print.

All text is inserted as text nodes of an element tree, so that names cannot become markup.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Literal
from xml.etree import ElementTree as ET

from markupsafe import Markup

__all__ = ["Axis", "Chart", "HeatMap", "bar_chart"]

WIDTH, HEIGHT = 440, 280
LEFT, RIGHT, TOP, BOTTOM = 60, 22, 10, 40
CHARACTER = 6.2  # approximate width of a character in a label
DOTS_WITH_NAMES = 300

Points = Sequence[tuple[float, float]]
_ids = count()


@dataclass(frozen=True)
class Axis:
    """A linear or logarithmic axis.

    Attributes:
        label: title of the axis.
        low, high: ends of the axis.
        kind: "number"; "percent", shares in [0, 1] shown as 40 %; "log", for positive values.
        ticks: values of the ticks; None for round values.

    >>> [text for _, text in Axis("epoch", 0, 10).marks()]
    ['0', '2', '4', '6', '8', '10']
    """

    label: str
    low: float
    high: float
    kind: Literal["number", "percent", "log"] = "number"
    ticks: tuple[float, ...] | None = None

    def position(self, value: float) -> float:
        """Map a value to [0, 1], 0 at `low` and 1 at `high`; values outside are clipped."""
        low, high = self.low, self.high
        if self.kind == "log":
            low, high, value = math.log(low), math.log(high), math.log(max(value, low))
        return min(1.0, max(0.0, (value - low) / (high - low))) if high > low else 0.5

    def marks(self) -> list[tuple[float, str]]:
        """Return values and texts of the ticks."""
        values = self.ticks if self.ticks is not None else self._round_values()
        return [(value, self.text(value)) for value in values]

    def text(self, value: float) -> str:
        """Format a value."""
        return f"{100 * value:.0f} %" if self.kind == "percent" else f"{value:,.6g}"

    def _round_values(self) -> list[float]:
        if self.kind == "log":
            exponents = range(
                math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1
            )
            few = len(exponents) <= 4
            found = [m * 10.0**e for e in exponents for m in ((1, 2, 5) if few else (1,))]
            return [v for v in found if self.low <= v <= self.high]
        rough = (self.high - self.low) / 5 or 1.0
        size = 10.0 ** math.floor(math.log10(rough))
        step = size * next(m for m in (1, 2, 5, 10) if m * size >= rough * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [round(i * step, 10) for i in range(first, last + 1)]


class Chart:
    """Lines and dots over two axes.

    Args:
        title: accessible title.
        description: accessible description: the main numbers of the chart in words.
        x, y: the axes.
    """

    def __init__(self, title: str, description: str, x: Axis, y: Axis) -> None:
        self.x, self.y = x, y
        self.svg = _svg(WIDTH, HEIGHT, title, description)
        self.legend: list[tuple[str, str]] = []
        self._axes()

    def line(self, points: Points, series: str, label: str = "") -> None:
        """Draw a line through points in units of the axes, and add its label to the legend.

        `series` is a class of the style sheet, for colour and dashes.
        """
        if not points:
            return
        steps = " ".join(f"{'L' if i else 'M'}{self._at(*p)}" for i, p in enumerate(points))
        ET.SubElement(self.svg, "path", {"class": f"line {series}", "d": steps})
        if len(points) == 1:
            self.dots(points, series)
        if label:
            self.legend.append((series, label))

    def dots(self, points: Points, series: str, label: str = "", names: Sequence[str] = ()) -> None:
        """Draw dots like the points of `line`; up to 300 dots show their names as tooltips."""
        if names and len(points) <= DOTS_WITH_NAMES:
            for point, name in zip(points, names, strict=True):
                x, y = self._at(*point).split()
                dot = ET.SubElement(
                    self.svg, "circle", {"class": f"dot {series}", "cx": x, "cy": y, "r": "3.5"}
                )
                ET.SubElement(dot, "title").text = name
        elif points:  # a path of round caps: a tenth of the bytes
            steps = "".join(f"M{self._at(*p)}h0" for p in points)
            ET.SubElement(self.svg, "path", {"class": f"dots {series}", "d": steps})
        if label:
            self.legend.append((series, label))

    def mark(self, value: float, text: str) -> None:
        """Draw a vertical line at a value of x, with a note."""
        x = LEFT + self.x.position(value) * (WIDTH - LEFT - RIGHT)
        _line(self.svg, "mark", x, TOP, x, HEIGHT - BOTTOM)
        _text(self.svg, x + 4, TOP + 10, text, "note")

    def render(self) -> Markup:
        """Return the legend and the SVG."""
        return _legend(self.legend) + _markup(self.svg)

    def _at(self, x: float, y: float) -> str:
        across = LEFT + self.x.position(x) * (WIDTH - LEFT - RIGHT)
        down = HEIGHT - BOTTOM - self.y.position(y) * (HEIGHT - TOP - BOTTOM)
        return f"{across:.1f} {down:.1f}"

    def _axes(self) -> None:
        bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
        for value, text in self.y.marks():
            y = bottom - self.y.position(value) * (bottom - TOP)
            _line(self.svg, "grid", LEFT, y, right, y)
            _text(self.svg, LEFT - 6, y + 4, text, "end")
        for value, text in self.x.marks():
            x = LEFT + self.x.position(value) * (right - LEFT)
            _line(self.svg, "tick", x, bottom, x, bottom + 4)
            _text(self.svg, x, bottom + 17, text, "middle")
        _line(self.svg, "axis", LEFT, bottom, right, bottom)
        _line(self.svg, "axis", LEFT, TOP, LEFT, bottom)
        _text(self.svg, (LEFT + right) / 2, HEIGHT - 6, self.x.label, "middle")
        upright = _text(self.svg, 0, 0, self.y.label, "middle")
        upright.set("transform", f"translate(12 {(TOP + bottom) / 2:.0f}) rotate(-90)")


@dataclass(frozen=True)
class HeatMap:
    """A matrix drawn as shades: darker for larger values, a second colour for negative ones.

    Attributes:
        title, description: accessible title and description.
        rows, columns: labels of rows and columns.
        cells: (row, column, value in [-1, 1]); missing ones are zero.
        column_title: title of the column axis.
    """

    title: str
    description: str
    rows: Sequence[str]
    columns: Sequence[str]
    cells: Iterable[tuple[int, int, float]]
    column_title: str

    def render(self) -> Markup:
        """Return the SVG."""
        longest = max(map(len, self.rows), default=0)
        left = min(150.0, 10 + CHARACTER * min(longest, 22))
        high = min(18.0, max(13.0, 480 / max(1, len(self.rows))))
        wide = (WIDTH - left - 6) / max(1, len(self.columns))
        height = TOP + high * len(self.rows) + 40
        svg = _svg(WIDTH, round(height), self.title, self.description)
        for row, column, value in self.cells:
            if abs(value) < 0.005:
                continue
            cell = {
                "class": "less" if value < 0 else "more",
                "x": f"{left + column * wide:.1f}",
                "y": f"{TOP + row * high:.1f}",
                "width": f"{wide - 0.5:.1f}",
                "height": f"{high - 0.5:.1f}",
                "fill-opacity": f"{abs(value):.2f}",
            }
            ET.SubElement(svg, "rect", cell)
        for row, name in enumerate(self.rows):
            _text(svg, left - 4, TOP + (row + 0.5) * high + 4, _short(name, 22), "end")
        every = math.ceil(len(self.columns) * 20 / (WIDTH - left))
        bottom = TOP + high * len(self.rows)
        for column in range(0, len(self.columns), every):
            _text(svg, left + (column + 0.5) * wide, bottom + 14, self.columns[column], "middle")
        _text(svg, (left + WIDTH) / 2, bottom + 33, self.column_title, "middle")
        frame = {"class": "frame", "x": f"{left:.1f}", "y": str(TOP)}
        frame |= {"width": f"{WIDTH - left - 6:.1f}", "height": f"{high * len(self.rows):.1f}"}
        ET.SubElement(svg, "rect", frame)
        return _markup(svg)


def bar_chart(
    title: str,
    description: str,
    bars: Sequence[tuple[str, Sequence[tuple[str, float | None]]]],
    legend: Sequence[tuple[str, str]],
    axis: Axis,
    spreads: Mapping[tuple[str, str], float] | None = None,
) -> Markup:
    """Draw groups of horizontal bars that start at zero, with their values.

    Args:
        title, description: accessible title and description.
        bars: for each group of bars, its label and the (series, value) of each bar.
        legend: (series, label).
        axis: axis of the values.
        spreads: standard deviation by (group label, series), drawn as a whisker on both sides.
    Returns: the legend and the SVG.
    """
    spreads = spreads or {}
    thick = 13.0
    left = min(150.0, 12 + CHARACTER * min(24, max((len(name) for name, _ in bars), default=0)))
    right = WIDTH - 48
    height = TOP + sum(len(group) * thick + 8 for _, group in bars) + 36
    svg = _svg(WIDTH, round(height), title, description)
    bottom = height - 34
    for value, text in axis.marks():
        x = left + axis.position(value) * (right - left)
        _line(svg, "grid", x, TOP, x, bottom)
        _text(svg, x, bottom + 14, text, "middle")
    y = float(TOP)
    for name, group in bars:
        _text(svg, left - 6, y + len(group) * thick / 2 + 4, _short(name, 24), "end")
        for series, share in group:
            if share is not None:
                across = axis.position(share) * (right - left)
                box = {"class": f"bar {series}", "x": f"{left:.1f}", "y": f"{y:.1f}"}
                box |= {"width": f"{max(across, 0.5):.1f}", "height": f"{thick - 2:.1f}"}
                ET.SubElement(svg, "rect", box)
                spread = spreads.get((name, series), 0.0)
                if spread > 0:
                    low, high = (axis.position(share + side * spread) for side in (-1, 1))
                    middle, across = y + thick / 2 - 1, high * (right - left)
                    _line(svg, "spread", left + low * (right - left), middle, left + across, middle)
                shown = f"{100 * share:.1f}" if axis.kind == "percent" else f"{share:.3g}"
                _text(svg, left + across + 4, y + thick - 3.5, shown, "small")
            y += thick
        y += 8
    _line(svg, "axis", left, TOP, left, bottom)
    _text(svg, (left + right) / 2, height - 4, axis.label, "middle")
    return _legend(legend) + _markup(svg)


def _svg(width: int, height: int, title: str, description: str) -> ET.Element:
    number = next(_ids)
    names = f"chart{number}-title chart{number}-text"
    attributes = {"viewBox": f"0 0 {width} {height}", "role": "img", "aria-labelledby": names}
    svg = ET.Element("svg", attributes)
    ET.SubElement(svg, "title", {"id": f"chart{number}-title"}).text = title
    ET.SubElement(svg, "desc", {"id": f"chart{number}-text"}).text = description
    return svg


def _line(svg: ET.Element, style: str, x1: float, y1: float, x2: float, y2: float) -> None:
    ends = {"x1": x1, "y1": y1, "x2": x2, "y2": y2}
    ET.SubElement(svg, "line", {"class": style} | {k: f"{v:.1f}" for k, v in ends.items()})


def _text(svg: ET.Element, x: float, y: float, text: str, style: str) -> ET.Element:
    element = ET.SubElement(svg, "text", {"class": style, "x": f"{x:.1f}", "y": f"{y:.1f}"})
    element.text = text
    return element


def _legend(entries: Sequence[tuple[str, str]]) -> Markup:
    if len(entries) < 2:
        return Markup("")
    items = Markup("").join(
        Markup(
            '<li><svg class="key" viewBox="0 0 26 10" aria-hidden="true">'
            '<path class="line {0}" d="M1 5 L25 5"/>'
            '<circle class="dot {0}" cx="13" cy="5" r="3.5"/>'
            "</svg>{1}</li>"
        ).format(series, label)
        for series, label in entries
    )
    return Markup('<ul class="legend">{}</ul>').format(items)


def _markup(svg: ET.Element) -> Markup:
    return Markup(ET.tostring(svg, encoding="unicode"))


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
