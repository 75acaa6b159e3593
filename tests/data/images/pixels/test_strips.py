"""Strips cover an image once."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lpt.data.images.pixels.strips import strips


@given(st.integers(1, 5_000_000), st.integers(1, 4000))
def test_strips_follow_each_other_from_top_to_bottom(width, height):
    height = min(height, max(1, 20_000_000 // width))
    boxes = strips((width, height))
    assert boxes[0][1] == 0
    assert boxes[-1][3] == height
    assert all(left == 0 and right == width for left, _, right, _ in boxes)
    assert all(a[3] == b[1] for a, b in pairwise(boxes))
    assert all(box[3] - box[1] == 1 or width * (box[3] - box[1]) <= 1 << 20 for box in boxes)
