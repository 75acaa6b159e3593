"""A chart as a file of its own, with the style that a page around it would have."""

import re

from markupsafe import Markup

__all__ = ["COLOURS", "CURVES", "standalone_svg"]

COLOURS = {"overall": "#1b1f24", "many": "#0072b2", "medium": "#b36b00", "few": "#c2338d"}
"""Of overall accuracy and of the shot groups, on white."""

CURVES = {
    "curve-a": "#0072b2",
    "curve-b": "#c2338d",
    "curve-c": "#b36b00",
    "curve-d": "#007a5e",
    "curve-e": "#57606a",
    "curve-f": "#d1242f",
    "curve-g": "#8250df",
}
"""Series of lines and dots, on white."""

_STYLE = (
    "svg{background:#fff;font:11.5px system-ui,sans-serif}text{fill:#57606a}"
    ".end{text-anchor:end}.middle{text-anchor:middle}.small{font-size:10.5px;fill:#1b1f24}"
    ".spread{stroke:#8c959f;stroke-width:2.5}.grid{stroke:#d5d9de}.axis,.tick{stroke:#57606a}"
    ".line{fill:none;stroke-width:1.8}.note{font-style:italic;font-size:10.5px}"
    ".mark{stroke:#57606a;stroke-dasharray:2 3}"
    + "".join(f".{name}{{fill:{colour}}}" for name, colour in COLOURS.items())
    + "".join(
        f".line.{name}{{stroke:{colour}}}.dot.{name}{{fill:{colour}}}"
        for name, colour in CURVES.items()
    )
)


def standalone_svg(drawn: Markup) -> str:
    """Return a chart whose legend is inside as the text of an SVG file."""
    opening = re.sub(r"<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', str(drawn), count=1)
    return opening.replace(">", f"><style>{_STYLE}</style>", 1) + "\n"
