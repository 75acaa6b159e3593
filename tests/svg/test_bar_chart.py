"""Bars, their numbers, whiskers and legend."""

import pytest

from lpt.svg import Axis, bar_chart

from .drawings import picture


def test_bars_have_numbers_and_whiskers() -> None:
    bars = [("first", [("one", 0.5), ("two", None)]), ("second", [("one", 0.25)])]
    legend = [("one", "One"), ("two", "Two")]
    axis = Axis("accuracy", 0, 1, "percent", (0.0, 1.0))
    svg = picture(str(bar_chart("T", "D", bars, legend, axis, {("first", "one"): 0.1})))
    widths = [float(child.get("width") or 0) for child in svg if child.get("class") == "bar one"]
    assert widths[0] == pytest.approx(2 * widths[1], abs=0.1)
    assert [c.text for c in svg if c.get("class") == "small"] == ["50.0", "25.0"]
    assert sum(child.get("class") == "spread" for child in svg) == 1


def test_a_drawing_of_its_own_holds_its_legend_inside_its_frame() -> None:
    legend = [("few", "few-shot"), ("many", "many-shot")]
    bars = [("a long label of a row, never cut", [("few", 0.5)])]
    axis = Axis("accuracy", 0, 1, "percent")
    markup = str(bar_chart("T", "D", bars, legend, axis, width=640, label=40, legend_inside=True))
    assert not markup.startswith("<ul")
    svg = picture(markup)
    texts = {c.text: float(c.get("x") or 0) for c in svg if c.tag == "text"}
    assert {"few-shot", "many-shot", "a long label of a row, never cut"} <= texts.keys()
    assert all(0 <= x <= 640 for x in texts.values())
    assert sum((c.get("class") or "").startswith("swatch") for c in svg) == 2
