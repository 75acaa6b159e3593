"""A wrong class name is answered with the nearest right ones, in bounded time."""

import time

import pytest

from lpt.errors import DataError, ParameterError
from lpt.task.class_names import class_index, unknown_class

NAMES = ("Winter wren", "robin", "Robin", "blackbird")


def test_a_name_is_found_as_it_is_written():
    assert [class_index(NAMES, name) for name in NAMES] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("given", "nearest"),
    [("winter wren", "Winter wren"), ("ROBIN", "robin"), ("blackbirds", "blackbird")],
)
def test_the_nearest_class_is_named_whatever_its_case(given, nearest):
    with pytest.raises(ParameterError, match=f"no class '{given}'. Nearest: {nearest}"):
        class_index(NAMES, given)


def test_where_no_class_is_near_the_message_says_where_to_look():
    error = unknown_class(NAMES, "zzz", "shop.csv", DataError)
    assert str(error) == (
        "shop.csv: the task has no class 'zzz'. See its classes with: lpt task show TASK"
    )


def test_hostile_names_cost_no_time():
    began = time.process_time()
    unknown_class(["a" * 10_000] * 1000, "a" * 10_000, "", DataError)
    unknown_class([f"class {i}" for i in range(100_000)], "class", "", DataError)
    assert time.process_time() - began < 1
