"""Groups of horizontal bars."""

from collections.abc import Mapping, Sequence
from xml.etree import ElementTree as ET

from markupsafe import Markup

from lpt.svg.axis import Axis
from lpt.svg.elements import (
    CHARACTER,
    TOP,
    WIDTH,
    add_line,
    add_text,
    as_markup,
    legend_of,
    new_svg,
    short_label,
)

__all__ = ["bar_chart"]

THICK = 13.0  # of a bar
LABEL = 24  # characters

Bars = Sequence[tuple[str, Sequence[tuple[str, float | None]]]]


def bar_chart(
    title: str,
    description: str,
    bars: Bars,
    legend: Sequence[tuple[str, str]],
    axis: Axis,
    spreads: Mapping[tuple[str, str], float] | None = None,
    *,
    width: int = WIDTH,
    label: int = LABEL,
    legend_inside: bool = False,
) -> Markup:
    """Draw groups of horizontal bars that start at zero, with their values.

    Args:
        title, description: accessible title and description.
        bars: for each group of bars, its label and the (series, value) of each bar.
        legend: (series, label).
        axis: axis of the values.
        spreads: standard deviation by (group label, series), drawn as a whisker on both sides.
        width: of the drawing.
        label: maximum of characters of a group's label.
        legend_inside: draw the legend above the bars, for a drawing that is used without a page.
    Returns: the legend, unless it is drawn inside, and the SVG.
    """
    top = TOP + (18.0 if legend_inside else 0.0)
    longest = max((len(name) for name, _ in bars), default=0)
    left = 14 + CHARACTER * min(label, longest)
    right = width - 48
    height = top + sum(len(group) * THICK + 8 for _, group in bars) + 36
    svg = new_svg(width, round(height), title, description)
    if legend_inside:
        _draw_legend(svg, left, legend)
    bottom = height - 34
    for value, text in axis.marks():
        x = left + axis.position(value) * (right - left)
        add_line(svg, "grid", x, top, x, bottom)
        add_text(svg, x, bottom + 14, text, "middle")
    y = top
    for name, group in bars:
        add_text(svg, left - 6, y + len(group) * THICK / 2 + 4, short_label(name, label), "end")
        for series, share in group:
            if share is not None:
                spread = (spreads or {}).get((name, series), 0.0)
                _draw_bar(svg, y, (left, right), axis, series, share, spread)
            y += THICK
        y += 8
    add_line(svg, "axis", left, top, left, bottom)
    add_text(svg, (left + right) / 2, height - 4, axis.label, "middle")
    return as_markup(svg) if legend_inside else legend_of(legend) + as_markup(svg)


def _draw_bar(
    svg: ET.Element,
    y: float,
    ends: tuple[float, float],
    axis: Axis,
    series: str,
    share: float,
    spread: float,
) -> None:
    left, right = ends
    across = axis.position(share) * (right - left)
    box = {"class": f"bar {series}", "x": f"{left:.1f}", "y": f"{y:.1f}"}
    box |= {"width": f"{max(across, 0.5):.1f}", "height": f"{THICK - 2:.1f}"}
    ET.SubElement(svg, "rect", box)
    if spread > 0:
        low, high = (axis.position(share + side * spread) * (right - left) for side in (-1, 1))
        middle, across = y + THICK / 2 - 1, high
        add_line(svg, "spread", left + low, middle, left + high, middle)
    number = f"{100 * share:.1f}" if axis.kind == "percent" else f"{share:.3g}"
    add_text(svg, left + across + 4, y + THICK - 3.5, number, "small")


def _draw_legend(svg: ET.Element, left: float, legend: Sequence[tuple[str, str]]) -> None:
    x = left
    for series, text in legend:
        box = {
            "class": f"swatch {series}",
            "x": f"{x:.1f}",
            "y": "8",
            "width": "11",
            "height": "11",
        }
        ET.SubElement(svg, "rect", box)
        add_text(svg, x + 15, 17.5, text, "small")
        x += 15 + CHARACTER * len(text) + 16
