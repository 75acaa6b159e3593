"""Corrections of labels: written by the review, edited by people, applied to what is read."""

import pytest

from lpt.data.check.corrections import (
    Correction,
    read_corrections,
    with_corrections,
    write_corrections,
)
from lpt.data.sources.open_data import open_data
from lpt.errors import DataError

from ..conftest import write_parquet
from .flawed import put

FILES = {f"{c}/{i}.png": 10 * (c == "dog") + i for c in ("cat", "dog") for i in range(5)}


@pytest.fixture
def pics(tmp_path):
    put(tmp_path / "pics", FILES)
    return tmp_path / "pics"


def opened(pics):
    return open_data(pics, val_fraction=0, test_fraction=0)


def labels_of(data):
    """Class of each training image, by folder and name."""
    split = data.split("train")
    return {
        split.name_of(i).split("pics/")[1]: data.class_names[label]
        for i, label in enumerate(split.labels)
    }


def written(path, *rows):
    path.write_text("name,split,decision,label,corrected\n" + "".join(r + "\n" for r in rows))
    return path


def test_a_list_changes_labels_and_leaves_images_out(pics, tmp_path):
    path = tmp_path / "list.csv"
    decisions = [
        Correction("cat/0.png", "train", "change", "cat", "dog"),
        Correction("cat/1.png", "train", "drop", "cat"),
        Correction("dog/4.png", "train", "confirm", "dog"),
    ]
    write_corrections(path, decisions)
    assert read_corrections(path) == decisions
    before = opened(pics)
    data = with_corrections(before, path)
    expected = {f"{c}/{i}.png": c for c in ("cat", "dog") for i in range(5)}
    expected["cat/0.png"] = "dog"
    del expected["cat/1.png"]
    assert labels_of(data) == expected
    assert str(data.corrections) == "1 label changed, 1 image left out, 1 confirmed"
    assert len(before.split("train")) == 10
    assert before.counts().tolist() == [5, 5]


def test_a_later_row_about_an_image_replaces_an_earlier_one(pics, tmp_path):
    rows = ("cat/0.png,train,drop,cat,", "cat/0.png,train,change,cat,dog")
    data = with_corrections(opened(pics), written(tmp_path / "list.csv", *rows))
    assert labels_of(data)["cat/0.png"] == "dog"


def test_rows_of_parquet_files_are_corrected(tmp_path):
    write_parquet(tmp_path / "a.parquet", ["cat", "cat", "dog", "dog"])
    data = open_data(tmp_path / "a.parquet", val_fraction=0, test_fraction=0)
    path = written(tmp_path / "list.csv", "a.parquet row 1,,change,cat,dog")
    assert with_corrections(data, path).split("train").labels.tolist() == [0, 1, 1, 1]


def test_data_that_changed_since_the_review_is_left_alone(pics, tmp_path):
    path = written(tmp_path / "list.csv", "cat/0.png,,drop,dog,", "cat/1.png,,change,dog,cat")
    lines = []
    data = with_corrections(opened(pics), path, notice=lines.append)
    assert labels_of(data) == labels_of(opened(pics))
    assert [line.split(": ", 1)[1] for line in lines] == [
        "1 row ignored, because the label in the data changed since: cat/0.png"
    ]


def test_names_that_the_data_lacks_are_one_line_and_a_list_of_other_data_is_refused(pics, tmp_path):
    path = written(tmp_path / "list.csv", "cat/0.png,,drop,cat,", "gone.png,,drop,cat,")
    lines = []
    with_corrections(opened(pics), path, notice=lines.append)
    assert "1 of its 2 names is not in the data: gone.png" in lines[0]
    other = written(tmp_path / "other.csv", "gone.png,,drop,cat,")
    with pytest.raises(DataError, match="none of its 1 image is in"):
        with_corrections(opened(pics), other)


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("cat/0.png,,change,cat,dgo", "the data has no class 'dgo'. Nearest: dog."),
        ("cat/0.png,,change,cat,", "line 2: `change` needs the right class"),
        ("cat/0.png,,remove,cat,", "line 2: decision 'remove'. Choose one of confirm, change"),
        ("cat/0.png", "decision ''"),
    ],
)
def test_a_wrong_row_is_named(pics, tmp_path, row, fault):
    with pytest.raises(DataError) as error:
        with_corrections(opened(pics), written(tmp_path / "list.csv", row))
    assert fault in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_other_files_are_no_lists_of_corrections(pics, tmp_path):
    (tmp_path / "list.csv").write_text("file,label\nx,y\n")
    with pytest.raises(DataError, match="not a list of corrections"):
        with_corrections(opened(pics), tmp_path / "list.csv")


def test_a_class_keeps_a_training_image(pics, tmp_path):
    rows = [f"cat/{i}.png,,change,cat,dog" for i in range(5)]
    with pytest.raises(DataError, match="the class 'cat' has no training image"):
        with_corrections(opened(pics), written(tmp_path / "list.csv", *rows))


def test_awkward_names_come_back_as_they_were(pics, tmp_path):
    names = ["-1.png", "=1+1.png", "a,b.png", 'say "x".png', "umlaut ü.png", "two\nlines.png"]
    decisions = [Correction(name, "train", "drop", "=cat") for name in names]
    write_corrections(tmp_path / "list.csv", decisions)
    back = read_corrections(tmp_path / "list.csv")
    assert [one.name.removeprefix("./") for one in back] == names
    assert {one.label for one in back} == {"=cat"}
