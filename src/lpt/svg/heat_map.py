"""A matrix drawn as shades."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from markupsafe import Markup

from lpt.svg.elements import CHARACTER, TOP, WIDTH, add_text, as_markup, new_svg, short_label

__all__ = ["HeatMap"]


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
        left = min(165.0, 10 + CHARACTER * min(longest, 22))
        high = min(18.0, max(13.0, 480 / max(1, len(self.rows))))
        wide = (WIDTH - left - 6) / max(1, len(self.columns))
        height = TOP + high * len(self.rows) + 40
        svg = new_svg(WIDTH, round(height), self.title, self.description)
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
            add_text(svg, left - 4, TOP + (row + 0.5) * high + 4, short_label(name, 22), "end")
        every = math.ceil(len(self.columns) * 20 / (WIDTH - left))
        bottom = TOP + high * len(self.rows)
        for column in range(0, len(self.columns), every):
            add_text(svg, left + (column + 0.5) * wide, bottom + 14, self.columns[column], "middle")
        add_text(svg, (left + WIDTH) / 2, bottom + 33, self.column_title, "middle")
        frame = {"class": "frame", "x": f"{left:.1f}", "y": str(TOP)}
        frame |= {"width": f"{WIDTH - left - 6:.1f}", "height": f"{high * len(self.rows):.1f}"}
        ET.SubElement(svg, "rect", frame)
        return as_markup(svg)
