"""Tar shards are data like Parquet files: classes, splits, lists, names and errors."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lpt.data.longtail import long_tailed, write_list
from lpt.data.sources.data_string import run_name, same_data
from lpt.data.sources.open_data import open_data
from lpt.data.sources.paths import anchored
from lpt.errors import DataError

from ...conftest import encoded, write_parquet, write_shard, write_tar


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("LPT_CACHE", str(tmp_path_factory.mktemp("cache")))


def shards(folder: Path, kinds: str = "train") -> Path:
    """Three shards of five images each."""
    for k in range(3):
        write_shard(folder / f"{kinds}-{k:03d}.tar", [0, 1, 0, 1, 0], first=1000 + 10 * k)
    return folder


def test_a_folder_of_shards_has_every_image_once(tmp_path):
    train = open_data(shards(tmp_path / "a"), test_fraction=0, val_fraction=0).split("train")
    assert train.labels.tolist() == [0, 1, 0, 1, 0] * 3
    assert train.read(7) == encoded(1012)
    assert train.name_of(7) == f"{tmp_path}/a/train-001.tar row 2"


def test_a_pattern_means_its_files_from_every_folder(tmp_path, monkeypatch):
    folder = shards(tmp_path / "a")
    monkeypatch.chdir(folder)
    spec = "train-{001..002}.tar"
    there = anchored(spec)
    data = open_data(spec, test_fraction=0, val_fraction=0)
    monkeypatch.chdir(tmp_path)
    assert there == f"{folder}/{spec}"
    assert same_data(there, f"a/{spec}")
    again = open_data(there, test_fraction=0, val_fraction=0)
    assert len(data.split("train")) == len(again.split("train")) == 10
    assert again.split("train").read(0) == encoded(1010)
    assert run_name(there) == "train"


def test_words_at_the_start_of_names_are_splits(tmp_path):
    shards(tmp_path / "a")
    write_shard(tmp_path / "a" / "test-000.tar", [1, 0])
    write_shard(tmp_path / "a" / "val-000.tar", [1])
    data = open_data(tmp_path / "a")
    assert {name: len(split) for name, split in data.splits.items()} == {
        "train": 15,
        "val": 1,
        "test": 2,
    }
    assert len(open_data(f"{tmp_path}/a/{{train,test}}-{{000..000}}.tar").split("test")) == 2


@pytest.mark.parametrize("inside", [True, False])
def test_test_images_may_be_numbered_shards_of_their_own(inside, tmp_path, monkeypatch):
    shards(tmp_path / "a")
    shards(tmp_path / "a", "extra")
    monkeypatch.chdir(tmp_path if inside else tmp_path / "a")
    here = "a/" if inside else ""
    data = open_data(f"{here}train-{{000..002}}.tar:test=extra-{{000..001}}.tar")
    assert len(data.split("test")) == 10
    assert data.split("test").name_of(0).endswith("extra-000.tar row 0")


@pytest.mark.parametrize("where", ["beside", "inside", "both"])
def test_lines_of_classes_txt_are_the_names_of_numbers(where, tmp_path):
    text = "owl\r\nKäuzchen\n".encode()
    inside = {} if where == "beside" else {"classes": text}
    path = write_shard(tmp_path / "a.tar", [1, 0, 1, 0], **inside)
    if where != "inside":
        (tmp_path / "classes.txt").write_bytes(text)
    data = open_data(path, test_fraction=0, val_fraction=0)
    assert data.class_names == ("owl", "Käuzchen")
    assert data.split("train").labels.tolist() == [1, 0, 1, 0]


def test_names_and_numbers_of_labels_follow_the_rules_of_tables(tmp_path):
    named = write_shard(tmp_path / "a.tar", ["owl", "bat", " owl\n"])
    data = open_data(named, test_fraction=0, val_fraction=0)
    assert data.class_names == ("bat", "owl")
    assert data.split("train").labels.tolist() == [1, 0, 1]
    values = [{"label": 2, "label_name": "yak"}, {"label": 1.0, "label_name": "emu"}]
    members = {}
    for number, value in enumerate(values):
        members[f"{number}.jpg"] = encoded(number)
        members[f"{number}.json"] = json.dumps(value).encode()
    data = open_data(write_tar(tmp_path / "b.tar", members), test_fraction=0, val_fraction=0)
    assert data.class_names == ("emu", "yak")


def test_groups_of_the_json_stay_together(tmp_path):
    members = {}
    for number in range(40):
        members[f"{number:03d}.png"] = encoded(number)
        value = {"label": number % 2, "nest": number // 4}
        members[f"{number:03d}.json"] = json.dumps(value).encode()
    data = open_data(write_tar(tmp_path / "a.tar", members), group_by="nest")
    nests = {
        name: {int(split.ref(i).row) // 4 for i in range(len(split))}
        for name, split in data.splits.items()
    }
    assert not nests["train"] & nests["test"]


def test_a_list_selects_images(tmp_path):
    folder = shards(tmp_path / "a")
    data = open_data(folder, test_fraction=0, val_fraction=0)
    few = long_tailed(data, imbalance=2)
    write_list(replace(data, splits={"train": few}), folder / "few.csv")
    listed = open_data(f"{folder}:list=few.csv", test_fraction=0, val_fraction=0).split("train")
    names = {data.split("train").name_of(i) for i in range(len(data.split("train")))}
    assert 0 < len(listed) < 15
    assert {listed.name_of(i) for i in range(len(listed))} < names
    (tmp_path / "a" / "bad.csv").write_text("file,row,label\ntrain-000.tar,5,0\n")
    with pytest.raises(DataError, match=r"row 5 of train-000\.tar, which has rows 0 to 4"):
        open_data(f"{folder}:list=bad.csv")


def test_a_folder_of_classes_with_an_archive_beside_them_stays_one(make_folder):
    folder = make_folder({"cat": 3, "dog": 2})
    write_shard(folder / "download.tar", [0, 1])
    assert open_data(folder).class_names == ("cat", "dog")


def test_parquet_files_come_first(tmp_path):
    write_parquet(tmp_path / "a.parquet", [0, 1, 0])
    write_shard(tmp_path / "a.tar", [0, 1])
    assert len(open_data(tmp_path, test_fraction=0, val_fraction=0).split("train")) == 3


def test_what_is_left_out_is_said(tmp_path):
    members = {"1.png": encoded(1), "1.cls": b"0", "1.mask.png": b"", "2.cls": b"1"}
    members |= {"3.png": encoded(3), "3.cls": b"1"}
    notes = open_data(write_tar(tmp_path / "a.tar", members), test_fraction=0).notes
    assert "note      1 labels in tar shards have no image" in notes
    assert (
        "note      1 members of tar shards are not read, since their names have two dots: "
        "1.mask.png"
    ) in notes


@pytest.mark.parametrize(
    ("make", "data", "said"),
    [
        (lambda p: write_tar(p / "a.tar", {"1.txt": b"x"}), "a.tar", "no images with labels in it"),
        (lambda p: (p / "a.tar").write_bytes(b"x" * 600), "a.tar", "not a usable tar file"),
        (lambda p: (p / "a.tar").mkdir(), "a.tar", "is a folder"),
        (lambda p: write_shard(p / "a-0.tar", [0]), "a-{1..2}.tar", "a-1.tar. Correct the numbers"),
        (lambda p: write_shard(p / "a.tar", [0, 2], classes=b"a\nb"), "a.tar", "label 2 with only"),
        (lambda p: (p / "a.tar.gz").write_bytes(b"x"), "a.tar.gz", "Unpack it to .tar."),
    ],
)
def test_data_that_cannot_be_used_is_named(make, data, said, tmp_path):
    make(tmp_path)
    with pytest.raises(DataError) as caught:
        open_data(tmp_path / data)
    assert said in str(caught.value)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (
            [0, 1, 0, 1, 0, -1],
            "row 5 (00005): label -1 is negative. Count labels from 0; remove images without a "
            "label.",
        ),
        ([0, ""], "row 1 (00001): 'label' has no value. Fill it in, or remove the row."),
        (
            ["", "nan", 0],
            "rows 0 (00000), 1 (00001): 'label' has no value. Fill it in, or remove the rows.",
        ),
    ],
)
def test_labels_that_cannot_be_used_are_named_by_row_and_key(labels, said, tmp_path):
    members = {}
    for row, label in enumerate(labels):
        members |= {f"{row:05d}.png": encoded(row), f"{row:05d}.cls": str(label).encode()}
    write_tar(tmp_path / "neg.tar", members)
    write_shard(tmp_path / "a.tar", [0, 1])
    with pytest.raises(DataError) as caught:
        open_data(tmp_path)
    assert str(caught.value) == f"{tmp_path}/neg.tar {said}"


def test_an_image_without_a_group_is_named_by_row_and_key(tmp_path):
    members = {}
    for key in ("a/1", "a/2"):
        members |= {f"{key}.png": encoded(1), f"{key}.cls": b"0"}
    members["a/2.json"] = b'{"nest": 7}'
    path = write_tar(tmp_path / "a.tar", members)
    with pytest.raises(DataError, match=r"a\.tar row 0 \(a/1\): 'nest' has no value\."):
        open_data(path, group_by="nest")


@pytest.mark.parametrize(
    ("numbers", "found", "first", "missing"),
    [
        ("{0..5}", [0, 1, 2], 3, 3),
        ("{0..5}", [1, 2, 3, 4, 5], 0, 1),
        ("{0..5}", [0, 2, 4, 5], 1, 2),
        ("{0..5}", [2], 0, 5),
        ("{0..1}", [], 0, 2),
    ],
)
@pytest.mark.parametrize("option", ["", ":test="])
def test_missing_shards_are_counted_and_the_first_is_named(
    numbers, found, first, missing, option, tmp_path, monkeypatch
):
    write_shard(tmp_path / "full.tar", [0, 1, 0, 1])
    for number in found:
        write_shard(tmp_path / f"a-{number}.tar", [0, 1])
    monkeypatch.chdir(tmp_path)
    total = 2 if numbers == "{0..1}" else 6
    with pytest.raises(DataError) as caught:
        open_data(f"{'full.tar' if option else ''}{option}a-{numbers}.tar")
    be = "is" if missing == 1 else "are"
    assert str(caught.value) == (
        f"a-{numbers}.tar: {missing} of {total} shards {be} missing: there is no a-{first}.tar. "
        "Correct the numbers or the path."
    )


@pytest.mark.parametrize("found", [[0], [1]])
def test_missing_shards_for_testing_are_named_in_the_folder_of_the_data(found, tmp_path):
    write_shard(tmp_path / "full.tar", [0, 1, 0, 1])
    for number in found:
        write_shard(tmp_path / f"a-{number}.tar", [0, 1])
    with pytest.raises(DataError) as caught:
        open_data(f"{tmp_path}/full.tar:test=a-{{0..1}}.tar")
    (lacking,) = {0, 1}.difference(found)
    assert f"1 of 2 shards is missing: there is no {tmp_path}/a-{lacking}.tar" in str(caught.value)


def test_two_lists_of_classes_are_not_guessed_between(tmp_path):
    write_shard(tmp_path / "a-0.tar", [0, 1], classes=b"owl\nbat")
    write_shard(tmp_path / "a-1.tar", [0, 1], classes=b"bat\nowl")
    with pytest.raises(DataError, match=r"classes\.txt of .*a-0\.tar and of .*a-1\.tar differ"):
        open_data(tmp_path)
    (tmp_path / "classes.txt").write_bytes(b"\xff")
    with pytest.raises(DataError, match=r"classes\.txt: is not UTF-8"):
        open_data(tmp_path)
