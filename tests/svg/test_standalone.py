"""A chart that needs no page around it."""

from xml.etree import ElementTree as ET

from lpt.svg import Axis, bar_chart
from lpt.svg.standalone import standalone_svg


def test_it_is_an_svg_file_with_its_own_style():
    drawn = bar_chart("a", "b", [("<x>", [("few", 0.5)])], [], Axis("x", 0, 1), legend_inside=True)
    root = ET.fromstring(standalone_svg(drawn))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert ".few{fill:" in root[0].text
