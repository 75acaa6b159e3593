"""Thresholds keep what they say, and a file of them is believed only as far as it is valid."""

import contextlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpt.errors import DataError, LptError, ParameterError
from lpt.evaluation.thresholds import (
    Threshold,
    ThresholdTable,
    read_thresholds,
    thresholds_of,
    write_thresholds,
)

IMAGES = st.lists(st.tuples(st.floats(0, 1, width=32), st.booleans()), min_size=1, max_size=300)


def table_of(images: list[tuple[float, bool]]) -> ThresholdTable:
    confidence = np.array([c for c, _ in images], dtype=np.float32)
    correct = np.array([right for _, right in images])
    rows = thresholds_of(confidence, correct)
    return ThresholdTable(1, "0" * 64, "photos", "test", len(images), rows)


@given(IMAGES)
def test_each_threshold_keeps_what_it_says(images):
    found = table_of(images).thresholds
    assert found[0].threshold == 0
    assert found[0].kept == len(images)
    assert len(found) <= 200
    for row in found:
        kept = [right for confidence, right in images if confidence >= row.threshold]
        assert (row.kept, row.correct) == (len(kept), sum(kept))
        assert row.coverage == len(kept) / len(images)
        assert row.accuracy == sum(kept) / len(kept)
    assert [r.threshold for r in found] == sorted(r.threshold for r in found)


@given(IMAGES, st.floats(0, 1))
def test_the_chosen_threshold_reaches_the_accuracy_with_most_images(images, accuracy):
    found = table_of(images)
    smallest = min(10, len(images))
    reached = [r.kept for r in found.thresholds if r.accuracy >= accuracy and r.kept >= smallest]
    if reached:
        row = found.for_accuracy(accuracy)
        assert row.accuracy >= accuracy
        assert row.kept == max(reached)
    else:
        with pytest.raises(ParameterError, match="no threshold in photos reaches it"):
            found.for_accuracy(accuracy)


def test_a_table_comes_back_from_its_file(tmp_path):
    found = table_of([(0.5, True), (0.9, False)])
    write_thresholds(tmp_path / "t.json", found)
    assert read_thresholds(tmp_path / "t.json", "0" * 64) == found
    assert read_thresholds(tmp_path / "t.json") == found
    with pytest.raises(DataError, match="measured with another task file"):
        read_thresholds(tmp_path / "t.json", "1" * 64)


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists), st.integers(0, 5))
def test_an_edited_file_is_one_error(tmp_path_factory, value, place):
    path = tmp_path_factory.mktemp("t") / "t.json"
    write_thresholds(path, table_of([(0.5, True)]))
    content = json.loads(path.read_text())
    content[list(content)[place]] = value
    path.write_text(json.dumps(content))
    with contextlib.suppress(LptError):
        read_thresholds(path)


def test_a_later_version_is_refused(tmp_path):
    write_thresholds(tmp_path / "t.json", ThresholdTable(2, "", "photos", "test", 0, ()))
    with pytest.raises(DataError, match="version 2 is not known"):
        read_thresholds(tmp_path / "t.json")
    with pytest.raises(ParameterError, match="holds no threshold"):
        ThresholdTable(1, "", "photos", "test", 0, ()).for_accuracy(0.5)


def test_rows_are_plain_records():
    (row,) = table_of([(0.5, True)]).thresholds
    assert row == Threshold(0.0, 1, 1, 1.0, 1.0)
