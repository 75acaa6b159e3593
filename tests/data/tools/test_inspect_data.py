import json

import numpy as np
import pytest

from lpt.data.class_groups import ClassGroups
from lpt.data.image_stores import MemoryStore
from lpt.data.manifest import Manifest, Split
from lpt.data.sources.open_data import open_data
from lpt.data.tools.inspect_data import inspect_data, render

from ..conftest import encoded


def synthetic(counts: list[int]) -> Manifest:
    """A manifest with these training counts, all showing one image."""
    labels = np.repeat(np.arange(len(counts)), counts)
    positions = np.zeros(len(labels), dtype=np.int64)
    split = Split("train", MemoryStore("m", (encoded(0),)), positions, labels)
    return Manifest("synthetic", tuple(f"class {i}" for i in range(len(counts))), {"train": split})


def test_summary_counts_groups_splits_and_sizes(make_folder):
    root = make_folder({"train/a": 5, "train/b": 2, "train/c": 1, "test/a": 3})
    summary = inspect_data(open_data(root), ClassGroups(many_above=4, few_below=2))
    assert summary.counts == {"train": (5, 2, 1), "test": (3, 0, 0)}
    assert summary.imbalance == 5
    assert summary.group_classes == {"many": 1, "medium": 1, "few": 1}
    assert summary.group_images == {"many": 5, "medium": 2, "few": 1}
    assert summary.untested == ("b", "c")
    assert (summary.width, summary.height) == ((12, 12, 12), (10, 10, 10))


def test_text_names_what_matters(make_folder):
    text = render(
        inspect_data(open_data(make_folder({"train/owl": 4, "train/yak": 1, "test/owl": 1})))
    )
    for part in (
        "2 classes",
        "imbalance 4.0",
        "1 class without a test image: yak",
        "< 20 images",
    ):
        assert part in text


@pytest.mark.parametrize("num_classes", [2, 25, 8_142])
def test_chart_fits_a_screen_at_any_number_of_classes(num_classes):
    counts = [max(int(1000 * 0.99**i), 1) for i in range(num_classes)]
    lines = render(inspect_data(synthetic(counts))).splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 100
    bars = [line.count("#") for line in lines if line.endswith("#")]
    assert bars == sorted(bars, reverse=True)
    assert min(bars) >= 1


def test_json_holds_every_attribute(make_folder):
    summary = inspect_data(open_data(make_folder({"a": 2, "b": 3})))
    content = json.loads(summary.to_json())
    assert content["class_names"] == ["a", "b"]
    assert content["imbalance"] == summary.imbalance


def test_the_rarest_classes_are_named_and_every_class_on_request():
    summary = inspect_data(synthetic([1000 - 10 * i for i in range(81)]))
    text = render(summary)
    assert "rarest   class 80 200, class 79 210, class 78 220" in text
    every = render(summary, every_class=True)
    assert "rarest" not in every
    assert all(f"class {i} " in every for i in range(81))


def test_sizes_are_told_in_words_and_an_undecodable_image_does_not_stop_it(make_folder):
    root = make_folder({"a": 5, "b": 5})
    (root / "a" / "bad.png").write_bytes(b"x")
    summary = inspect_data(open_data(root, test_fraction=0, val_fraction=0))
    assert (summary.sampled, summary.undecodable) == (10, 1)
    text = render(summary)
    assert "typically 12 x 10 pixels and" in text
    assert "bytes; 12 wide, 10 high (10 images sampled); 1 image cannot be decoded" in text


def test_data_of_which_nothing_can_be_decoded_has_a_summary(make_folder):
    root = make_folder({"a": 1, "b": 1})
    for name in ("a/000.png", "b/000.png"):
        (root / name).write_bytes(b"x")
    summary = inspect_data(open_data(root))
    assert "size     2 images cannot be decoded" in render(summary)
    assert json.loads(summary.to_json())["width"] == [0, 0, 0]


def test_what_was_left_out_and_that_nothing_can_be_tested_is_said(make_folder):
    root = make_folder({"a": 1, "b": 1})
    (root / "a" / "notes.txt").write_text("x")
    text = render(inspect_data(open_data(root)))
    assert "  left out  1 file that is not an image (a/notes.txt)" in text
    assert "nothing can be tested" in text
