"""LIFT's adapters have at most as many parameters as its classifier."""

import pytest

from lpt.baselines.methods.long_tailed.lift import bottleneck_width


@pytest.mark.parametrize(
    ("classes", "width"), [(10, 1), (47, 1), (48, 2), (100, 4), (365, 8), (1000, 32), (8142, 256)]
)
def test_the_bottleneck_is_the_power_of_two_below_classes_by_twice_the_depth(classes, width):
    assert bottleneck_width(classes, 12) == width
