"""The figure of accuracy against seconds has every row, and marks the smallest sufficient time."""

import math
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from lpt.evaluation import Spread
from lpt.studies.table.smallest_cost import CostPoint, SmallestCost
from lpt.studies.table.study_chart import study_svg
from lpt.studies.table.study_table import TableRow

from .rows import ROW, table


def row(label: str, curve: str, seconds: float, share: float, deviation: float = math.nan):
    scores = {"overall": Spread(share, deviation)}
    return replace(ROW, label=label, curve=curve, seconds=Spread(seconds, 0.0), scores=scores)


ROWS = (row("LPT, 9", "LPT", 900, 0.26, 0.01), row("LPT, 1", "LPT", 100, 0.2))
PROBE = row("probe <9>", "probe", 40, 0.24)
ENOUGH = SmallestCost("", CostPoint("LPT, 9", "LPT", 0.26, 900), CostPoint("x", "y", 0.2, 40), None)


def drawn(*rows: TableRow, **changes: object) -> ET.Element:
    return ET.fromstring(study_svg(table(*rows, **changes)))


def of_class(svg: ET.Element, name: str) -> list[ET.Element]:
    return [element for element in svg.iter() if element.get("class") == name]


def test_every_row_is_a_dot_on_the_line_of_its_curve():
    svg = drawn(*ROWS, PROBE)
    line = next(e for e in of_class(svg, "line curve-a") if "L" in e.attrib["d"])
    first, second = of_class(svg, "dot curve-a")
    at = [f"{dot.attrib['cx']} {dot.attrib['cy']}" for dot in (first, second)]
    assert line.attrib["d"] == f"M{at[0]} L{at[1]}"  # the faster one first
    assert [dot[0].text for dot in (first, second)] == ["LPT, 1", "LPT, 9"]
    assert {"LPT", "probe", "seconds of training"} <= set(svg.itertext())


def test_deviations_are_whiskers_and_one_seed_has_none():
    (whisker,) = of_class(drawn(*ROWS, PROBE), "spread")
    dot = of_class(drawn(*ROWS, PROBE), "dot curve-a")[1]
    low, high = (float(whisker.attrib[end]) for end in ("y1", "y2"))
    assert (low + high) / 2 == pytest.approx(float(dot.attrib["cy"]), abs=0.1)


def test_the_smallest_sufficient_time_is_marked():
    (mark,) = of_class(drawn(*ROWS, PROBE, costs=(ENOUGH,)), "mark")
    probe = of_class(drawn(*ROWS, PROBE), "dot curve-b")[-1]
    assert mark.attrib["x1"] == probe.attrib["cx"]


def test_curves_of_several_backbones_are_apart():
    svg = drawn(*ROWS, *(replace(one, backbone="other") for one in ROWS))
    assert {"vit: LPT", "other: LPT"} <= set(svg.itertext())


def test_rows_without_results_are_left_out():
    svg = drawn(replace(PROBE, scores={}, seconds=None))
    assert not of_class(svg, "dot curve-a")
