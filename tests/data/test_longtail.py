import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpt.data.longtail import PROFILES, long_tailed, profile_counts, write_list
from lpt.data.sources.open_data import open_data
from lpt.errors import ConfigError, DataError
from lpt.random_streams import random_stream

from .conftest import write_parquet


@pytest.mark.parametrize(
    ("imbalance", "images"), [(10, 19_573), (50, 12_608), (100, 10_847), (200, 9_502)]
)
def test_cifar100_lt_has_the_published_numbers_of_images(imbalance, images):
    counts = profile_counts("exponential", num_classes=100, largest=500, imbalance=imbalance)
    assert counts.sum() == images
    assert counts[0] == 500
    assert counts[-1] == 500 // imbalance


@pytest.mark.parametrize(("imbalance", "images"), [(10, 20_431), (50, 13_996), (100, 12_406)])
def test_cifar10_lt_has_the_published_numbers_of_images(imbalance, images):
    counts = profile_counts("exponential", num_classes=10, largest=5_000, imbalance=imbalance)
    assert counts.sum() == images


@given(
    profile=st.sampled_from(sorted(PROFILES)),
    num_classes=st.integers(2, 300),
    largest=st.integers(1, 5_000),
    imbalance=st.floats(1, 1_000),
)
def test_profiles_fall_from_largest_to_its_share_and_never_to_nothing(
    profile, num_classes, largest, imbalance
):
    counts = profile_counts(profile, num_classes=num_classes, largest=largest, imbalance=imbalance)
    assert counts[0] == largest
    assert (np.diff(counts) <= 0).all()
    assert counts[-1] == max(int(np.floor(np.round(largest / imbalance, 9))), 1)


def test_step_has_two_sizes():
    counts = profile_counts("step", num_classes=10, largest=100, imbalance=20)
    assert counts.tolist() == [100] * 5 + [5] * 5


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"profile": "linear"}, "profile 'linear': choose one of"),
        ({"imbalance": 0.5}, "imbalance 0.5: choose one from 1 to 1,000,000."),
        ({"imbalance": float("nan")}, "imbalance nan: choose"),
        ({"imbalance": float("inf")}, "imbalance inf: choose"),
        ({"num_classes": 1}, "1 class: a tail needs 2 or more."),
        ({"largest": 0}, "largest class of 0 images: each class keeps 1 or more."),
    ],
)
def test_a_setting_out_of_range_is_named(change, said):
    settings = {"profile": "step", "num_classes": 3, "largest": 9, "imbalance": 2.0}
    with pytest.raises(ConfigError, match=said):
        profile_counts(**{**settings, **change})


@pytest.fixture
def data(tmp_path):
    names = [f"class {i % 4}" for i in range(160)]
    write_parquet(tmp_path / "train.parquet", [i % 4 for i in range(160)], label_name=names)
    write_parquet(
        tmp_path / "test.parquet", [0, 1, 2, 3], label_name=[f"class {i}" for i in range(4)]
    )
    return open_data(tmp_path, val_fraction=0)


def test_long_tail_takes_as_many_as_every_class_allows(data):
    tail = long_tailed(data, imbalance=8)
    assert np.bincount(tail.labels).tolist() == [40, 20, 10, 5]
    assert len(set(tail.positions.tolist())) == len(tail)


def test_a_short_class_bounds_the_largest(make_folder):
    data = open_data(make_folder({"train/a": 9, "train/b": 2, "test/a": 1}), val_fraction=0)
    assert np.bincount(long_tailed(data, profile="step", imbalance=2).labels).tolist() == [5, 2]


def test_frequent_classes_stay_frequent(make_folder):
    sizes = {"train/a": 3, "train/b": 40, "train/c": 12, "train/d": 40, "test/a": 1}
    data = open_data(make_folder(sizes), val_fraction=0)
    assert np.bincount(long_tailed(data, imbalance=10).labels).tolist() == [3, 39, 8, 18]


def test_seed_chooses_images_and_shuffled_classes(data):
    one, two, other = (long_tailed(data, imbalance=8, seed=s).positions.tolist() for s in (1, 1, 2))
    assert one == two != other
    sizes = {
        tuple(np.bincount(long_tailed(data, imbalance=8, seed=s, shuffle_classes=True).labels))
        for s in range(8)
    }
    assert len(sizes) > 1
    assert {tuple(sorted(s)) for s in sizes} == {(5, 10, 20, 40)}


def test_counts_of_another_set_can_be_taken(data):
    assert np.bincount(long_tailed(data, counts=[1, 2, 3, 4]).labels).tolist() == [1, 2, 3, 4]
    shuffled = long_tailed(data, counts=[1, 2, 3, 4], shuffle_classes=True, seed=1)
    assert sorted(np.bincount(shuffled.labels)) == [1, 2, 3, 4]
    assert np.bincount(shuffled.labels).tolist() != [1, 2, 3, 4]
    with pytest.raises(DataError, match="class 'class 1' has 40 training images, 41 are wanted"):
        long_tailed(data, counts=[1, 41, 1, 1])
    with pytest.raises(DataError, match="2 counts for 4 classes"):
        long_tailed(data, counts=[1, 2])


def test_written_list_opens_as_the_same_training_split(data, tmp_path):
    from dataclasses import replace

    tail = long_tailed(data, imbalance=8)
    thinned = replace(data, splits={**data.splits, "train": tail})
    write_list(thinned, tmp_path / "lists" / "lt8.csv")
    again = open_data(f"{tmp_path}:list=lists/lt8.csv", val_fraction=0)
    assert again.counts().tolist() == [40, 20, 10, 5]
    assert again.class_names == data.class_names
    assert [again.splits["train"].ref(i) for i in range(75)] == [tail.ref(i) for i in range(75)]
    assert len(again.splits["test"]) == 4


def test_a_split_once_made_is_kept_by_its_list(make_folder, tmp_path):
    root = make_folder({"a": 20, "b": 20})
    data = open_data(root)
    write_list(data, root.parent / "split.csv", splits=list(data.splits))
    (root / "split.csv").write_text((root.parent / "split.csv").read_text())
    again = open_data(f"{root}:list=split.csv", seed=99)
    for name, split in data.splits.items():
        assert [again.splits[name].ref(i) for i in range(len(split))] == [
            split.ref(i) for i in range(len(split))
        ]


def test_images_in_memory_cannot_be_listed(tmp_path):
    with pytest.raises(DataError, match="images are not files"):
        write_list(open_data("digits"), tmp_path / "list.csv")


def test_a_pacs_domain_made_long_tailed_is_tested_on_another(shared, tmp_path):
    from dataclasses import replace

    photo = open_data(shared / "pacs" / "photo.parquet", val_fraction=0, test_fraction=0)
    tail = long_tailed(photo, imbalance=20, seed=1)
    write_list(replace(photo, splits={"train": tail}), tmp_path / "lt.csv")
    for domain, images in (("art_painting", 2_048), ("cartoon", 2_344), ("sketch", 3_929)):
        other = f"{shared}/pacs/{domain}.parquet"
        spec = f"{shared}/pacs/photo.parquet:list={tmp_path}/lt.csv,test={other}"
        data = open_data(spec, val_fraction=0)
        assert data.counts().tolist() == np.bincount(tail.labels).tolist()
        assert len(data.splits["test"]) == images


def test_the_images_of_a_class_are_those_that_a_search_for_its_label_finds():
    data = open_data("digits", val_fraction=0, seed=3)
    train, found = data.split("train"), long_tailed(data, imbalance=20, seed=3)
    counts, rng, chosen = np.bincount(found.labels), random_stream(3), []
    for c, n in enumerate(counts):
        chosen += rng.permutation(np.flatnonzero(train.labels == c))[:n].tolist()
    assert found.positions.tolist() == train.positions[chosen].tolist()
