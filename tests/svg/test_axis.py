"""Axes place values, and their ticks are round."""

import pytest

from lpt.svg import Axis


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
