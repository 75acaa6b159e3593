"""Quarantine lists: written by the check, edited by people, read by training."""

import os
import unicodedata

import pytest

from lpt.data.check.check_result import check_data
from lpt.data.check.policy import apply_policy, spoiling_images
from lpt.data.check.quarantine import without_quarantined, write_quarantine
from lpt.data.sources.open_data import open_data
from lpt.errors import DataError

from ..conftest import encoded, write_parquet
from .flawed import put

FILES = {f"{c}/{i}.png": 10 * (c == "dog") + i for c in ("cat", "dog") for i in range(5)}


@pytest.fixture
def pics(tmp_path):
    put(tmp_path / "pics", FILES)
    return tmp_path / "pics"


def remaining(data, path, **keywords):
    """The images that a list leaves, by folder and name."""
    kept = without_quarantined(data, path, **keywords)
    return {s.name_of(i).split("pics/")[1] for s in kept.splits.values() for i in range(len(s))}


def quarantine(path, *names, split=""):
    path.write_text("name,split,kind\n" + "".join(f"{name},{split},x\n" for name in names))
    return path


def test_quarantine_list_does_what_skip_does_and_can_be_edited(flawed, tmp_path):
    report = check_data(flawed, workers=0)
    path = tmp_path / "quarantine.csv"
    assert write_quarantine(report, flawed, path) == len(spoiling_images(report)) == 5
    kept = without_quarantined(flawed, path)
    skipped = apply_policy(flawed, report, "skip")
    for name in ("train", "test"):
        assert kept.splits[name].positions.tolist() == skipped.splits[name].positions.tolist()
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], lines[1]]) + "\n")
    assert len(without_quarantined(flawed, path).splits["train"]) == 5


def test_quarantine_list_of_unsplit_data_holds_however_it_is_split(tmp_path):
    files = {f"{c}/{i}.png": 10 * c + i for c in range(2) for i in range(5)} | {"1/bad.png": b"x"}
    data = put(tmp_path / "data", files)
    write_quarantine(check_data(data, workers=0), data, tmp_path / "q.csv")
    for seed in range(6):
        data = open_data(tmp_path / "data", seed=seed)
        kept = without_quarantined(data, tmp_path / "q.csv")
        names = [kept_.name_of(i) for kept_ in kept.splits.values() for i in range(len(kept_))]
        assert len(names) == 10
        assert not any("bad" in name for name in names)


def test_quarantine_list_of_other_data_is_refused(flawed, tmp_path):
    (tmp_path / "q.csv").write_text("name,split,kind\nelsewhere.png,train,empty\n")
    with pytest.raises(DataError, match="none of its 1 image is in"):
        without_quarantined(flawed, tmp_path / "q.csv")
    (tmp_path / "q.csv").write_text("file\nx\n")
    with pytest.raises(DataError, match="not a quarantine list"):
        without_quarantined(flawed, tmp_path / "q.csv")


def test_the_list_is_valid_for_any_spelling_of_the_data_and_from_any_folder(pics, monkeypatch):
    (pics / "cat" / "3.png").write_bytes(b"")
    monkeypatch.chdir(pics.parent)
    data = open_data("pics", val_fraction=0, test_fraction=0)
    path = pics.parent / "q.csv"
    write_quarantine(check_data(data, workers=0), data, path)
    assert path.read_text().splitlines()[1:] == ["cat/3.png,train,empty"]
    (pics.parent / "other").mkdir()
    for folder, spec in ((".", "pics"), (".", "./pics/"), ("other", "../pics"), ("other", pics)):
        monkeypatch.chdir(pics.parent / folder)
        assert remaining(open_data(spec), path) == FILES.keys() - {"cat/3.png"}


@pytest.mark.parametrize("name", ["cat/3.png", "./cat/3.png", "pics/cat/3.png", "cat/../cat/3.png"])
def test_a_name_may_be_written_in_every_way_that_leads_to_the_file(pics, tmp_path, name):
    for written in (name, str(pics / name.removeprefix("pics/"))):
        path = quarantine(tmp_path / "q.csv", written)
        assert remaining(open_data(pics), path) == FILES.keys() - {"cat/3.png"}


def test_lists_saved_by_a_spreadsheet_are_read(pics, tmp_path):
    text = "Name,Split,Kind\r\ncat/3.png,train,empty\r\n"
    (tmp_path / "q.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert len(remaining(open_data(pics), tmp_path / "q.csv")) == 9


def test_names_that_the_data_lacks_are_named(pics, tmp_path):
    path, notices = quarantine(tmp_path / "q.csv", "cat/3.png", "cat/03.png", "b\x1b.png"), []
    assert len(remaining(open_data(pics), path, notice=notices.append)) == 9
    assert notices == [f"{path}: 2 of its 3 names are not in the data: cat/03.png, b\\x1b.png"]


def test_a_file_that_a_list_names_twice_is_left_out_twice(pics, tmp_path):
    rows = [f"pics/{name},{name[:3]}\n" for name in FILES] + ["./pics/cat/3.png,cat\n"]
    (tmp_path / "list.csv").write_text("path,label\n" + "".join(rows))
    path = quarantine(tmp_path / "q.csv", "pics/cat/3.png", split="train")
    for seed in range(3):
        data = open_data(tmp_path / "list.csv", seed=seed)
        assert remaining(data, path) == FILES.keys() - {"cat/3.png"}


def test_rows_of_parquet_files_are_left_out(tmp_path, monkeypatch):
    write_parquet(tmp_path / "set" / "a.parquet", [0, 1] * 10)
    monkeypatch.chdir(tmp_path)
    path = quarantine(tmp_path / "q.csv", "a.parquet row 3", "set/a.parquet row 4")
    kept = without_quarantined(open_data("set", test_fraction=0, val_fraction=0), path)
    assert len(kept.split("train")) == 18


def test_names_in_another_unicode_form_and_not_utf_8_are_left_out(tmp_path):
    names = [unicodedata.normalize("NFD", "Möwe.png"), os.fsdecode(b"k\xf6nig.png"), "a.png"]
    for number, name in enumerate(names):
        for folder in ("x", "y"):
            (tmp_path / "pics" / folder).mkdir(parents=True, exist_ok=True)
            (tmp_path / "pics" / folder / name).write_bytes(encoded(number + 9 * (folder == "y")))
    (tmp_path / "q.csv").write_bytes("name\nx/Möwe.png\n".encode() + b"x/k\xf6nig.png\n")
    kept = remaining(open_data(tmp_path / "pics", test_fraction=0), tmp_path / "q.csv")
    assert len(kept) == 4
    assert "x/a.png" in kept


def test_bad_names_that_are_not_utf_8_can_be_written_and_read_back(tmp_path):
    bad = os.fsdecode(b"a/k\xf6nig.png")
    data = put(tmp_path / "pics", {bad: b"x", "a/1.png": 1, "b/2.png": 2})
    write_quarantine(check_data(data, workers=0), data, tmp_path / "q.csv")
    assert os.fsencode(bad) in (tmp_path / "q.csv").read_bytes()
    assert remaining(open_data(tmp_path / "pics"), tmp_path / "q.csv") == {"a/1.png", "b/2.png"}


def test_test_images_from_elsewhere_are_not_mistaken_for_training_images(pics, tmp_path):
    put(tmp_path / "more" / "pics", {name: number + 50 for name, number in FILES.items()})
    (pics / "cat" / "3.png").write_bytes(b"")
    data = open_data(f"{pics}:test={tmp_path / 'more' / 'pics'}", val_fraction=0)
    write_quarantine(check_data(data, workers=0), data, tmp_path / "q.csv")
    kept = without_quarantined(data, tmp_path / "q.csv")
    assert {name: len(split) for name, split in kept.splits.items()} == {"train": 9, "test": 10}


def test_a_list_that_is_a_pipe_or_has_nul_is_one_error(pics, tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "nul.csv").write_bytes(b"name\n\0\n")
    for name in ("pipe.csv", "nul.csv", "gone.csv"):
        with pytest.raises(DataError, match=name):
            without_quarantined(open_data(pics), tmp_path / name)
