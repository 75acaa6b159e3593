"""The chart is valid SVG with the numbers of the table."""

import xml.etree.ElementTree as ET

import pytest

from lpt.studies.table.study_chart import study_svg

from .rows import table


def test_the_chart_is_an_svg_with_one_bar_per_value():
    chart = ET.fromstring(study_svg(table()))
    assert chart.tag == "{http://www.w3.org/2000/svg}svg"
    bars = [e for e in chart.iter() if e.attrib.get("class", "").startswith("bar ")]
    assert [bar.attrib["class"] for bar in bars] == ["bar overall", "bar few", "bar overall"]
    assert "probe <a & b>" in "".join(chart.itertext())
    whiskers = [e.attrib for e in chart.iter() if e.attrib.get("class") == "spread"]
    (whisker,) = whiskers  # one seed and a deviation of 0 have none
    width = float(bars[0].attrib["width"])
    low, high = (float(whisker[end]) - float(bars[0].attrib["x"]) for end in ("x1", "x2"))
    assert (low / width, high / width) == pytest.approx((0.49 / 0.5, 0.51 / 0.5), abs=0.005)


def test_a_shot_group_without_values_has_no_entry_in_the_legend():
    text = [t.strip() for t in ET.fromstring(study_svg(table())).itertext() if t.strip()]
    assert "few-shot" in text
    assert "many-shot" not in text
    assert "medium-shot" not in text
