"""CSV, TSV and text lists."""

import os
import unicodedata

import pytest

from lpt.data.sources.open_data import open_data
from lpt.errors import DataError

from ..conftest import encoded


def names(split, manifest):
    return [manifest.class_names[label] for label in split.labels]


def write_images(folder, files):
    for number, name in enumerate(files):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(encoded(number))


def test_csv_with_names_and_splits(tmp_path):
    write_images(tmp_path, ["x/1.png", "x/2.png", "x/3.png"])
    (tmp_path / "list.csv").write_text(
        "path,label,label_name,split\nx/1.png,1,owl,train\nx/2.png,0,yak,training\nx/3.png,1,owl,test\n"
    )
    data = open_data(tmp_path / "list.csv", val_fraction=0)
    assert data.class_names == ("yak", "owl")  # by label, not by name
    assert data.splits["train"].labels.tolist() == [1, 0]
    assert names(data.splits["test"], data) == ["owl"]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("l.tsv", "file\tlabel\n1.png\towl\nmy 2.png\tyak\n"),
        ("l.txt", "1.png owl\n\nmy 2.png yak\n"),
        ("l.csv", "\ufefffile,label_name\n1.png,owl\nmy 2.png,yak\n"),
    ],
)
def test_lists_with_names_as_labels(tmp_path, file, text):
    write_images(tmp_path, ["1.png", "my 2.png"])
    (tmp_path / file).write_text(text, encoding="utf-8")
    data = open_data(tmp_path / file)
    assert data.class_names == ("owl", "yak")
    assert data.splits["train"].name_of(1).endswith("my 2.png")


def test_integer_labels_are_ordered_as_numbers(tmp_path):
    write_images(tmp_path, ["a.png", "b.png", "c.png"])
    (tmp_path / "l.txt").write_text("a.png 10\nb.png 9\nc.png 0\n")
    assert open_data(tmp_path / "l.txt").class_names == ("0", "9", "10")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label\n", "names no images"),
        ("path,colour\n1.png,red\n", "no column 'label' among path, colour"),
        ("label\n1\n", "no column 'path'"),
        ("path,label\n1.png,\n", "entry 1: column 'label' has no value"),
        ("path,label\n1.png,0,0\n", "line 2: 3 values for 2 columns"),
        ("path,label\n1.png,0,0\n1.png,0\n" + "2.png,1,1,1\n" * 4,
         "lines 2, 4, 5 and 2 more: 3 or 4 values for 2 columns"),
        ("path,label\ngone.png,0\n", "names 'gone.png', which is not in the folder"),
        ("path,label\n../secret.png,0\n", "is outside the folder"),
        ("path,label\nx/../../secret.png,0\n", "is outside the folder"),
        ("path,label,label_name\n1.png,0,owl\n2.png,0,yak\n", "0 is called both 'owl' and 'yak'"),
        ("path,label,label_name\n1.png,0,owl\n2.png,1,owl\n", "'owl' belongs to several labels"),
        ("path,label,label_name\n1.png,-1,owl\n2.png,1,yak\n", "label -1 is negative"),
        ("path,label,label_name\n1.png,x1,owl\n2.png,1,yak\n", "labels such as 'x1'"),
        ("path,label,row\n1.png,0,3\n2.png,1,\n", "1.png has a row but is neither a Parquet file"),
        ("path,label\n1.png,0\n2.png,0\n", "only one class"),
        ("path,label,split\n1.png,0,train\n2.png,1,\n", "others have none"),
    ],
)  # fmt: skip
def test_bad_lists_are_named_with_what_is_wrong(tmp_path, text, message):
    write_images(tmp_path, ["1.png", "2.png"])
    (tmp_path / "l.csv").write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        open_data(tmp_path / "l.csv")
    assert "l.csv" in str(caught.value)


def test_text_line_without_label_is_named(tmp_path):
    (tmp_path / "l.txt").write_text("1.png\n")
    with pytest.raises(DataError, match=r"line 1: has no label"):
        open_data(tmp_path / "l.txt")
    (tmp_path / "l.txt").write_text("1.png\n2.png 1\n" + "3.png\n" * 3)
    with pytest.raises(DataError, match=r"lines 1, 3, 4 and 1 more: have no label"):
        open_data(tmp_path / "l.txt")


def test_binary_file_as_list_is_an_error(tmp_path):
    (tmp_path / "l.csv").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(DataError, match="not a readable text file"):
        open_data(tmp_path / "l.csv")


def test_only_paths_may_hold_bytes_that_are_not_utf_8(tmp_path):
    name = os.fsdecode(b"k\xf6nig.png")
    for file in (name, "b.png"):
        (tmp_path / file).write_bytes(encoded(1))
    (tmp_path / "l.csv").write_bytes(b"path,label\nk\xf6nig.png,owl\nb.png,yak\n")
    train = open_data(tmp_path / "l.csv", test_fraction=0).split("train")
    assert train.read(0) == train.read(1) == encoded(1)
    (tmp_path / "l.csv").write_bytes(b"path,label\nb.png,M\xf6we\nb.png,yak\n")
    with pytest.raises(DataError, match=r"'label' is not UTF-8, entry 1\). Save it as UTF-8"):
        open_data(tmp_path / "l.csv")
    (tmp_path / "l.csv").write_bytes(b"path,label\nM\xf6we.png,a\nb.png,yak\n")
    with pytest.raises(DataError, match=r"(?s)M\\.+we.png.*save it as UTF-8 if the names"):
        open_data(tmp_path / "l.csv")


def test_names_in_another_unicode_form_lead_to_the_file(tmp_path):
    (tmp_path / unicodedata.normalize("NFD", "Möwe.png")).write_bytes(encoded(1))
    (tmp_path / "b.png").write_bytes(encoded(2))
    text = f"path,label\n{unicodedata.normalize('NFC', 'Möwe.png')},owl\nb.png,yak\n"
    (tmp_path / "l.csv").write_text(text, encoding="utf-8")
    train = open_data(tmp_path / "l.csv", test_fraction=0).split("train")
    assert [train.read(i) for i in range(2)] == [encoded(1), encoded(2)]


@pytest.mark.parametrize("name", ["shadow.csv", "shadow.tsv", "shadow.txt"])
@pytest.mark.parametrize(
    "secret", ["root:$6$secret:20228:0:::", "TOKEN=secret", "secret", "a,key-----secret-----=="]
)
def test_lines_of_a_file_that_is_no_list_are_not_repeated(tmp_path, name, secret):
    (tmp_path / name).write_text(f"{secret}\n{secret}\n")
    with pytest.raises(DataError) as caught:
        open_data(tmp_path / name)
    assert "secret" not in str(caught.value)
