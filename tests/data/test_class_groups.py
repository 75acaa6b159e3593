import numpy as np
import pytest

from lpt.data.class_groups import ClassGroups, imbalance
from lpt.errors import ConfigError, DataError


def test_bounds_belong_to_medium():
    counts = np.array([101, 100, 20, 19, 0])
    assert ClassGroups().of(counts).tolist() == ["many", "medium", "medium", "few", "few"]


def test_published_places_bins_put_a_class_of_20_into_few():
    assert ClassGroups(few_below=21).of(np.array([21, 20])).tolist() == ["medium", "few"]


def test_members_always_has_all_three_groups_and_each_class_once():
    members = ClassGroups().members([500, 3, 2])
    assert list(members) == ["many", "medium", "few"]
    assert [m.tolist() for m in members.values()] == [[0], [], [1, 2]]


def test_description_states_the_bounds_in_use():
    assert ClassGroups(50, 10).describe() == {
        "many": "> 50 images",
        "medium": "10 to 50 images",
        "few": "< 10 images",
    }


def test_bounds_that_overlap_are_refused():
    with pytest.raises(ConfigError, match="few_below"):
        ClassGroups(many_above=10, few_below=20)


def test_imbalance_leaves_out_empty_classes():
    assert imbalance(np.array([500, 0, 5])) == 100.0


def test_imbalance_of_nothing_is_an_error():
    with pytest.raises(DataError, match="no class has an image"):
        imbalance(np.zeros(3, dtype=int))
