"""Labels to classes: names decide, and integers are ordered as numbers."""

import numpy as np
import pytest

from lpt.data.sources.label_rules import (
    class_indices,
    class_places,
    integer_value,
    look_alikes,
    stray_names,
)
from lpt.errors import DataError


def test_classes_are_numbered_by_label_or_by_sorted_name():
    names, index, named = class_indices(np.array(["yak", "owl", "yak"]), None, "x")
    assert (names, index.tolist(), named) == (("owl", "yak"), [1, 0, 1], True)
    names, index, named = class_indices(np.array([10, 2]), None, "x")
    assert (names, index.tolist(), named) == (("2", "10"), [1, 0], False)
    names, index, named = class_indices(np.array([10, 2]), np.array(["a", "b"]), "x")
    assert (names, index.tolist(), named) == (("b", "a"), [1, 0], True)


def test_empty_class_name_is_refused():
    with pytest.raises(DataError, match="empty name"):
        class_indices(np.array([0, 1]), np.array(["", "b"]), "x")


@pytest.mark.parametrize(
    ("labels", "classes", "named"),
    [
        (["1.0", "10.0", "2.0"], ("1", "2", "10"), False),  # whole floats are integers
        (["1", "2.0", "1.0"], ("1", "2"), False),
        (["001", "010", "002"], ("001", "002", "010"), True),  # leading zeros stay
        (["007.0", "7.0e0"], ("007.0", "7.0e0"), True),
        (["1.0", "1.5"], ("1.0", "1.5"), True),
        (["4006381333948", "4006381333931"], ("4006381333931", "4006381333948"), False),
        (["9" * 5000, "1"], ("1", "9" * 5000), False),
        (["0", "-0"], ("0",), False),
        (["2", "10", "jack"], ("10", "2", "jack"), True),
        (["\u0661", "\u0662"], ("\u0661", "\u0662"), True),  # digits of other scripts are text
    ],
)
def test_integers_of_any_form_and_length(labels, classes, named):
    found = class_indices(np.array(labels), None, "x")
    assert (found[0], found[2]) == (classes, named)
    assert [integer_value(found[0][i]) or found[0][i] for i in found[1]] == [
        integer_value(label) or label for label in labels
    ]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["1", "01"], "labels '01' and '1' are the same number"),
        (["0", "1", "-1", "-1"], r"x entries 3, 4: label -1 is negative"),
        (["owl", "-1.0"], "label -1.0 is negative"),
    ],
)
def test_labels_that_cannot_be_meant_are_refused(labels, message):
    with pytest.raises(DataError, match=message):
        class_indices(np.array(labels), None, "x")


def test_numbers_of_any_length_may_have_names():
    labels = np.array(["4006381333948", "007", "4006381333948"])
    found = class_indices(labels, np.array(["dog", "bond", "dog"]), "x")
    assert (found[0], found[1].tolist()) == (("bond", "dog"), [1, 0, 1])


def test_classes_that_look_alike_are_noted():
    assert look_alikes(["big cat", "owl", "big\xa0cat"]) == (
        "note      classes 'big cat' and 'big\\xa0cat' differ only in blanks",
    )


def test_a_label_that_makes_names_of_all_integers_is_noted():
    assert stray_names(["0", "1", "2", "1a"]) == (
        "note      label '1a' is no integer, so all labels are names of classes",
    )
    assert "'x', 'y' are no integers" in stray_names(["0", "1", "2", "x", "y"])[0]
    assert stray_names(["0", "1", "2"]) == ()
    assert stray_names(["7", "owl", "bat"]) == ()  # "7" is one name among others


@pytest.mark.parametrize(
    ("names", "classes", "places"),
    [
        (["5", "10"], ["10", "20", "5"], [2, 0]),
        (["1"], ["1", "01"], [0]),
        (["001"], ["1", "01"], [None]),  # two could be meant
        (["1", "001"], ["1"], [0, None]),  # the other has it by name
        (["01", "001"], ["1"], [None, None]),
        (["e\u0301"], ["\u00e9"], [0]),
        (["1.5"], ["1"], [None]),
    ],
)
def test_classes_are_found_by_name_first(names, classes, places):
    assert class_places(names, classes) == places
