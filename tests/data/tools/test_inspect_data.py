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
