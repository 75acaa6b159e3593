"""Numbering classes, and matching them with a class list."""

from pathlib import Path

import numpy as np
import pytest

from lpt.data.image_stores import FileStore
from lpt.data.sources.listing import Listing, SplitWords, canonical_split, with_classes
from lpt.errors import DataError


def listing(class_names, labels, *, named=True):
    return Listing(
        name="x",
        class_names=tuple(class_names),
        named=named,
        store=FileStore.of_files(Path(), [f"{i}.png" for i in range(len(labels))]),
        labels=np.array(labels),
        splits=np.array([""] * len(labels)),
    )


@pytest.mark.parametrize(
    ("name", "split"),
    [("Training", "train"), (" valid ", "val"), ("dev", "val"), ("TEST", "test"), ("all", "")],
)
def test_usual_names_of_splits_are_known(name, split):
    assert canonical_split(name) == split


def test_classes_are_matched_by_name() -> None:
    assert with_classes(listing(["a", "b"], [0, 1, 1]), ["b", "c", "a"]).labels.tolist() == [
        2,
        0,
        0,
    ]
    with pytest.raises(DataError, match="x: 1 unknown classes: 'b'"):
        with_classes(listing(["a", "b"], [0, 1]), ["a", "c"])


def test_numbers_are_indices_only_on_request_and_never_where_a_class_is_named_by_one() -> None:
    numbers = listing(["0", "2"], [0, 1], named=False)
    with pytest.raises(DataError, match="append :labels=index"):
        with_classes(numbers, ["a", "b", "c"])
    assert with_classes(numbers, ["a", "b", "c"], by_index=True).labels.tolist() == [0, 2]
    with pytest.raises(DataError, match="unknown classes: '0'"):
        with_classes(numbers, ["1", "2", "3"], by_index=True)
    with pytest.raises(DataError, match="unknown classes: '12345678901'"):
        with_classes(listing(["12345678901"], [0], named=False), ["a", "b"], by_index=True)


def test_the_same_number_in_another_spelling_is_matched_with_a_note() -> None:
    padded = listing(["001", "010"], [0, 1])
    found = with_classes(padded, ["1", "2", "10"])
    assert found.labels.tolist() == [0, 2]
    assert found.notes == ("note      x: '001' is taken for the class '1'",)


def test_words_for_splits_can_be_given_and_unknown_ones_are_named() -> None:
    words = SplitWords.of_options({"splits": "holdout:test+Eval:val"}, "x")
    assert words.splits(["train", " Holdout", "eval"], "x").tolist() == ["train", "test", "val"]
    with pytest.raises(DataError, match=r"x: unknown split 'holdout'\. Known: train, val, test"):
        SplitWords().splits(["train", "holdout"], "x")
    assert SplitWords().splits(["photo", "photo"], "x").tolist() == ["", ""]
    assert "no split is called 'photo'" in SplitWords().note(["photo", "photo"])[0]
    assert SplitWords().note(["all", "train"]) == ()
    assert SplitWords(ignored=True).splits(["train", "holdout"], "x").tolist() == ["", ""]


@pytest.mark.parametrize(
    "options", [{"splits": "holdout"}, {"splits": "a:exam"}, {"splits": ":test"}, {"split": "all"}]
)
def test_options_for_splits_that_cannot_be_understood_are_named(options) -> None:
    (name, value) = next(iter(options.items()))
    with pytest.raises(DataError, match=f"photos: {name}={value}"):
        SplitWords.of_options(options, "photos")
