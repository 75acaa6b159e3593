"""Shades of a matrix."""

from lpt.svg import HeatMap

from .drawings import picture


def test_a_heat_map_shades_by_value_and_leaves_out_zeros() -> None:
    cells = [(0, 0, 0.5), (0, 1, 0.001), (1, 1, -0.25)]
    svg = picture(str(HeatMap("T", "D", ["a", "b"], ["0", "1"], cells, "column").render()))
    shades = [
        (child.get("class"), child.get("fill-opacity"))
        for child in svg
        if child.get("class") in ("more", "less")
    ]
    assert shades == [("more", "0.50"), ("less", "0.25")]
