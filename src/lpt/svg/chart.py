"""Lines and dots over two axes."""

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from markupsafe import Markup

from lpt.svg.axis import Axis
from lpt.svg.elements import (
    BOTTOM,
    CHARACTER,
    TOP,
    WIDTH,
    add_line,
    add_text,
    as_markup,
    legend_of,
    new_svg,
)

__all__ = ["Chart"]

HEIGHT = 280
LEFT, RIGHT = 60, 22
DOTS_WITH_NAMES = 300
NAMED_DOT, LONE_DOT = 3.5, 4.5
"""Radii of dots with a tooltip, and of a line that has one point only."""

FAR_RIGHT = 0.6
"""Share of the width from which the note of a mark is written to its left."""

Points = Sequence[tuple[float, float]]


class Chart:
    """Lines and dots over two axes.

    Args:
        title: accessible title.
        description: accessible description: the main numbers of the chart in words.
        x, y: the axes.
    """

    def __init__(self, title: str, description: str, x: Axis, y: Axis) -> None:
        self.x, self.y = x, y
        self.svg = new_svg(WIDTH, HEIGHT, title, description)
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
        if len(points) == 1:  # a line of one point draws nothing
            self._dot(points[0], series, LONE_DOT)
        if label:
            self.legend.append((series, label))

    def dots(self, points: Points, series: str, label: str = "", names: Sequence[str] = ()) -> None:
        """Draw dots like the points of `line`; up to 300 dots show their names as tooltips."""
        if not points:
            return
        if names and len(points) <= DOTS_WITH_NAMES:
            for point, name in zip(points, names, strict=True):
                ET.SubElement(self._dot(point, series, NAMED_DOT), "title").text = name
        else:  # a path of round caps: a tenth of the bytes
            steps = "".join(f"M{self._at(*p)}h0" for p in points)
            ET.SubElement(self.svg, "path", {"class": f"dots {series}", "d": steps})
        if label:
            self.legend.append((series, label))

    def mark(self, value: float, text: str) -> None:
        """Draw a vertical line at a value of x, with a note."""
        across = self.x.position(value)
        x = LEFT + across * (WIDTH - LEFT - RIGHT)
        add_line(self.svg, "mark", x, TOP, x, HEIGHT - BOTTOM)
        if across > FAR_RIGHT:
            add_text(self.svg, x - 4, TOP + 10, text, "note end")
        else:
            add_text(self.svg, x + 4, TOP + 10, text, "note")

    def whisker(self, value: float, low: float, high: float) -> None:
        """Draw a vertical whisker at a value of x, from one value of y to another."""
        x, bottom = self._at(value, low).split()
        top = self._at(value, high).split()[1]
        add_line(self.svg, "spread", float(x), float(bottom), float(x), float(top))

    def render_inside(self) -> Markup:
        """Return the SVG with its legend at the lower right, for a chart without a page."""
        longest = max((len(label) for _, label in self.legend), default=0)
        x = WIDTH - RIGHT - 12 - CHARACTER * longest
        y = HEIGHT - BOTTOM - 8 - 15 * len(self.legend)
        for series, label in self.legend:
            y += 15
            step = {"class": f"line {series}", "d": f"M{x - 24:.1f} {y - 4:.1f}h18"}
            ET.SubElement(self.svg, "path", step)
            add_text(self.svg, x, y, label, "small")
        return as_markup(self.svg)

    def render(self) -> Markup:
        """Return the legend and the SVG."""
        return legend_of(self.legend) + as_markup(self.svg)

    def _dot(self, point: tuple[float, float], series: str, radius: float) -> ET.Element:
        x, y = self._at(*point).split()
        place = {"class": f"dot {series}", "cx": x, "cy": y, "r": f"{radius:g}"}
        return ET.SubElement(self.svg, "circle", place)

    def _at(self, x: float, y: float) -> str:
        across = LEFT + self.x.position(x) * (WIDTH - LEFT - RIGHT)
        down = HEIGHT - BOTTOM - self.y.position(y) * (HEIGHT - TOP - BOTTOM)
        return f"{across:.1f} {down:.1f}"

    def _axes(self) -> None:
        bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
        for value, text in self.y.marks():
            y = bottom - self.y.position(value) * (bottom - TOP)
            add_line(self.svg, "grid", LEFT, y, right, y)
            add_text(self.svg, LEFT - 6, y + 4, text, "end")
        for value, text in self.x.marks():
            x = LEFT + self.x.position(value) * (right - LEFT)
            add_line(self.svg, "tick", x, bottom, x, bottom + 4)
            add_text(self.svg, x, bottom + 17, text, "middle")
        add_line(self.svg, "axis", LEFT, bottom, right, bottom)
        add_line(self.svg, "axis", LEFT, TOP, LEFT, bottom)
        add_text(self.svg, (LEFT + right) / 2, HEIGHT - 6, self.x.label, "middle")
        upright = add_text(self.svg, 0, 0, self.y.label, "middle")
        upright.set("transform", f"translate(12 {(TOP + bottom) / 2:.0f}) rotate(-90)")
