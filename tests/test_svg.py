"""Charts: scales, marks, and text that cannot become markup."""

from xml.etree import ElementTree as ET

import pytest

from lpt.svg import Axis, Chart, HeatMap, bar_chart


def picture(markup: str) -> ET.Element:
    """Parse the SVG behind the legend."""
    return ET.fromstring(markup.rpartition("</ul>")[2])


def test_axes_place_values_between_0_and_1() -> None:
    linear, logarithmic = Axis("x", 0, 10), Axis("x", 1, 100, "log")
    assert [linear.position(v) for v in (-1, 0, 2.5, 11)] == [0, 0, 0.25, 1]
    assert [logarithmic.position(v) for v in (0, 1, 10, 100)] == pytest.approx([0, 0, 0.5, 1])
    assert Axis("x", 3, 3).position(3) == 0.5


@pytest.mark.parametrize(
    ("axis", "texts"),
    [
        (Axis("x", 0, 10), ["0", "2", "4", "6", "8", "10"]),
        (Axis("x", 0, 0.9), ["0", "0.2", "0.4", "0.6", "0.8"]),
        (
            Axis("x", 1, 1000, "log"),
            ["1", "2", "5", "10", "20", "50", "100", "200", "500", "1,000"],
        ),
        (Axis("x", 1, 1e5, "log"), ["1", "10", "100", "1,000", "10,000", "100,000"]),
        (Axis("x", 0, 1, "percent", (0.0, 0.5, 1.0)), ["0 %", "50 %", "100 %"]),
    ],
)
def test_ticks_are_round(axis: Axis, texts: list[str]) -> None:
    assert [text for _, text in axis.marks()] == texts


def test_a_chart_draws_lines_dots_and_marks_with_a_legend() -> None:
    chart = Chart("Title", "Description", Axis("x", 0, 1), Axis("y", 0, 1))
    chart.line([(0, 0), (1, 1)], "one", "first & foremost")
    chart.line([], "none", "nothing")
    chart.dots([(0.5, 0.5)], "two", "second", ["<b>"])
    chart.mark(0.5, "half")
    markup = str(chart.render())
    assert markup.count("<li>") == 2
    assert "first &amp; foremost" in markup
    svg = picture(markup)
    assert [child.text for child in svg][:2] == ["Title", "Description"]
    line = next(child for child in svg if child.get("class") == "line one")
    assert line.get("d") == "M60.0 240.0 L418.0 10.0"
    dot = next(child for child in svg if child.get("class") == "dot two")
    assert (dot.get("cx"), dot.get("cy"), dot[0].text) == ("239.0", "125.0", "<b>")
    assert "half" in [child.text for child in svg]


def test_many_dots_share_a_path() -> None:
    chart = Chart("Title", "Description", Axis("x", 0, 1), Axis("y", 0, 1))
    chart.dots([(i / 400, 0.5) for i in range(400)], "one", names=["name"] * 400)
    assert "<circle" not in chart.render()
    assert chart.render().count("h0") == 400


def test_a_heat_map_shades_by_value_and_leaves_out_zeros() -> None:
    cells = [(0, 0, 0.5), (0, 1, 0.001), (1, 1, -0.25)]
    svg = picture(str(HeatMap("T", "D", ["a", "b"], ["0", "1"], cells, "column").render()))
    shades = [
        (child.get("class"), child.get("fill-opacity"))
        for child in svg
        if child.get("class") in ("more", "less")
    ]
    assert shades == [("more", "0.50"), ("less", "0.25")]


def test_bars_have_numbers_and_whiskers() -> None:
    bars = [("first", [("one", 0.5), ("two", None)]), ("second", [("one", 0.25)])]
    legend = [("one", "One"), ("two", "Two")]
    axis = Axis("accuracy", 0, 1, "percent", (0.0, 1.0))
    svg = picture(str(bar_chart("T", "D", bars, legend, axis, {("first", "one"): 0.1})))
    widths = [float(child.get("width") or 0) for child in svg if child.get("class") == "bar one"]
    assert widths[0] == pytest.approx(2 * widths[1], abs=0.1)
    assert [c.text for c in svg if c.get("class") == "small"] == ["50.0", "25.0"]
    assert sum(child.get("class") == "spread" for child in svg) == 1
