"""Elements that all charts are made of.

All text is inserted as text nodes of an element tree, so that names cannot become markup.
"""

from collections.abc import Sequence
from itertools import count
from xml.etree import ElementTree as ET

from markupsafe import Markup

__all__ = [
    "BOTTOM",
    "CHARACTER",
    "TOP",
    "WIDTH",
    "add_line",
    "add_text",
    "as_markup",
    "legend_of",
    "new_svg",
    "short_label",
]

WIDTH = 440
TOP, BOTTOM = 10, 40
CHARACTER = 6.9
"""Approximate width of a character in a label."""

_ids = count()


def new_svg(width: int, height: int, title: str, description: str) -> ET.Element:
    """Return an empty drawing with an accessible title and description."""
    number = next(_ids)
    names = f"chart{number}-title chart{number}-text"
    attributes = {"viewBox": f"0 0 {width} {height}", "role": "img", "aria-labelledby": names}
    svg = ET.Element("svg", attributes)
    ET.SubElement(svg, "title", {"id": f"chart{number}-title"}).text = title
    ET.SubElement(svg, "desc", {"id": f"chart{number}-text"}).text = description
    return svg


def add_line(svg: ET.Element, style: str, x1: float, y1: float, x2: float, y2: float) -> None:
    """Draw a line; `style` is a class of the style sheet."""
    ends = {"x1": x1, "y1": y1, "x2": x2, "y2": y2}
    ET.SubElement(svg, "line", {"class": style} | {k: f"{v:.1f}" for k, v in ends.items()})


def add_text(svg: ET.Element, x: float, y: float, text: str, style: str) -> ET.Element:
    """Write a text; `style` is a class of the style sheet."""
    element = ET.SubElement(svg, "text", {"class": style, "x": f"{x:.1f}", "y": f"{y:.1f}"})
    element.text = text
    return element


def legend_of(entries: Sequence[tuple[str, str]]) -> Markup:
    """Return the list of (series, label) beside a chart; nothing for a single series."""
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


def as_markup(svg: ET.Element) -> Markup:
    """Return a drawing as text that a template inserts as it is."""
    return Markup(ET.tostring(svg, encoding="unicode"))


def short_label(text: str, most: int) -> str:
    """Cut the end off a label of more than `most` characters."""
    return text if len(text) <= most else text[: most - 1] + "…"
