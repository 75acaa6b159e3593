"""lpt data: lists that open again, exit codes of checks, nothing written on an error."""

import csv
import io
import json
import os
import shutil
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from lpt.data.longtail import profile_counts
from lpt.data.sources.known.known_datasets import DATASETS
from lpt.data.sources.open_data import open_data

from ..tiny import write_photos
from .running import Lpt


@pytest.fixture
def lpt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Lpt) -> Lpt:
    """Run a command in a folder of its own with photos: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    write_photos(tmp_path / "photos")
    return command


@pytest.fixture
def animals(tmp_path: Path) -> Path:
    """A Parquet file of 40 images of 10 animals, two classes."""
    images = []
    for i in range(40):
        stream = io.BytesIO()
        Image.new("RGB", (8, 8), (i, 5 * i, 255 - i)).save(stream, "PNG")
        images.append(stream.getvalue())
    columns = {
        "image": images,
        "label": [i % 2 for i in range(40)],
        "label_name": [("owl", "yak")[i % 2] for i in range(40)],
        "animal": [f"a{i // 4}" for i in range(40)],
    }
    path = tmp_path / "animals.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def spoil(photos: Path) -> None:
    (photos / "ant" / "bad.png").write_bytes(b"no image")
    shutil.copy(photos / "bee" / "01.png", photos / "cat" / "twin.png")


def test_check_names_the_files_it_wrote(lpt, tmp_path):
    spoil(tmp_path / "photos")
    files = ("--sheet", "s.png", "--quarantine", "my q.csv", "--workers", "0")
    _, out, err = lpt("data", "check", "photos", *files, "--json", "f.json")
    found = len(json.loads((tmp_path / "f.json").read_text())["findings"])
    assert f"wrote  f.json: {found} findings" in out
    assert f"wrote  s.png: contact sheet of {found} findings" in out
    assert "wrote  my q.csv: 3 images to leave out" in out
    assert out.splitlines()[-1] == "next  lpt train photos --bad-images 'my q.csv'"
    for name in ("s.png", "my q.csv"):
        (tmp_path / name).unlink()
    _, out, err = lpt("data", "check", "photos", *files, "--json", "-")
    json.loads(out)
    assert "wrote  my q.csv: 3 images to leave out" in err


def test_check_suggests_no_training_that_would_fail(lpt, tmp_path):
    _, out, _ = lpt("data", "check", "photos", "--workers", "0")
    assert "next" not in out  # nothing is bad
    (tmp_path / "photos" / "ant" / "bad.png").write_bytes(b"no image")
    _, out, _ = lpt("data", "check", "photos", "--workers", "0")
    assert out.splitlines()[-1] == "next  lpt train photos --bad-images skip"
    (tmp_path / "photos" / "eel").mkdir()
    _, out, _ = lpt("data", "check", "photos", "--workers", "0")
    assert out.splitlines()[-2:] == [
        "first  repair 1 fault of folders, which no list of images can leave out",
        "then  lpt train photos --bad-images skip",
    ]
    (tmp_path / "photos" / "eel" / "bad.png").write_bytes(b"no image")
    _, out, _ = lpt("data", "check", "photos", "--workers", "0")
    assert "first  photos: without its bad images the class 'eel' has no training" in out
    assert "next" not in out


# Lists


def test_longtail_writes_the_counts_of_the_profile_and_a_command_that_opens_them(lpt, tmp_path):
    for name in ("bee", "cat", "dog"):
        shutil.rmtree(tmp_path / "photos" / name)
        shutil.copytree(tmp_path / "photos" / "ant", tmp_path / "photos" / name)
    code, out, _ = lpt("data", "longtail", "photos", "lists/lt.csv", "--imbalance", "8")
    assert code == 0
    expected = profile_counts("exponential", num_classes=4, largest=24, imbalance=8).tolist()
    spec = out.splitlines()[-1].removeprefix("next  lpt train ")
    data = open_data(spec, val_fraction=0)
    assert data.counts().tolist() == expected == [24, 12, 6, 3]
    assert data.counts("test").tolist() == [6] * 4
    named = {(row["split"], row["file"]) for row in rows(tmp_path / "lists" / "lt.csv")}
    assert len(named) == 24 + 12 + 6 + 3 + 24


def test_longtail_keeps_the_test_split_of_the_data(lpt, tmp_path):
    for split in ("train", "test"):
        shutil.copytree(tmp_path / "photos", tmp_path / "set" / split)
    assert lpt("data", "longtail", "set", "set/lt.csv", "--imbalance", "2")[0] == 0
    assert "split" not in rows(tmp_path / "set" / "lt.csv")[0]
    data = open_data("set:list=lt.csv", val_fraction=0)
    assert data.counts("test").tolist() == [30, 12, 6, 3]
    assert data.counts().tolist() == [7, 5, 4, 3]


def test_longtail_repeats_with_its_seed_and_differs_without(lpt, tmp_path):
    texts = []
    for number, seed in enumerate((1, 1, 2)):
        lpt("data", "longtail", "photos", f"{number}.csv", "--seed", str(seed))
        texts.append((tmp_path / f"{number}.csv").read_text())
    assert texts[0] == texts[1] != texts[2]


def test_longtail_takes_the_counts_of_other_data(lpt, tmp_path):
    write_photos(tmp_path / "few", {"a": 5, "b": 4, "c": 2, "d": 2})
    code, _, _ = lpt(
        "data", "longtail", "photos", "lt.csv", "--counts-of", "few", "--test-fraction", "0"
    )
    assert code == 0
    assert Counter(row["label_name"] for row in rows(tmp_path / "lt.csv")) == {
        "ant": 4,
        "bee": 3,
        "cat": 2,
        "dog": 2,
    }


def test_split_by_group_is_kept_by_its_list(lpt, animals, tmp_path):
    code, out, _ = lpt("data", "split", str(animals), "split.csv", "--group-by", "animal")
    assert code == 0
    sides: dict[str, set[str]] = {}
    for row in rows(tmp_path / "split.csv"):
        sides.setdefault(f"a{int(row['row']) // 4}", set()).add(row["split"])
    assert len(sides) == 10
    assert all(len(splits) == 1 for splits in sides.values())
    assert {"train", "test"} <= set().union(*sides.values())
    data = open_data(out.splitlines()[-1].removeprefix("next  lpt train "), seed=5)
    assert sum(len(split) for split in data.splits.values()) == 40


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("longtail", "photos", "x.csv", "--imbalance", "0"), "imbalance 0"),
        (("longtail", "photos", "x.csv", "--imbalance", "nan"), "imbalance nan"),
        (("longtail", "photos", "x.csv", "--profile", "linear"), "exponential, step, pareto"),
        (("longtail", "photos", "x.csv", "--counts-of", "nowhere"), "nowhere: no such"),
        (("longtail", "photos", "x.csv", "--counts-of", "digits"), "10 counts for 4 classes"),
        (("longtail", "photos", "x.parquet"), "x.parquet: give the list a name that ends in .csv"),
        (("longtail", "photos", "taken.csv"), "taken.csv: exists already"),
        (("longtail", "photos", "taken.csv/x.csv"), "taken.csv/x.csv: cannot be written"),
        (("longtail", "nowhere", "x.csv"), "nowhere: no such folder"),
        (("longtail", "digits", "x.csv"), "images are not files"),
        (("split", "photos", "x.csv", "--group-by", "animal"), "no column 'animal'"),
        (("split", "digits", "x.csv", "--group-by", "animal"), "digits: has no columns"),
        (("split", "animals.parquet", "x.csv", "--group-by", "pet"), "no column 'pet'"),
        (("split", "photos", "taken.csv"), "taken.csv: exists already"),
        (("inspect", "photos:imbalance=3"), "unknown option 'imbalance'"),
        (("inspect", "photos", "--few-below", "200"), "overlap"),
        (("bench", "nowhere"), "nowhere: no such folder"),
        (("check", "nowhere"), "nowhere: no such folder"),
        (("check", "photos", "--quarantine", "taken.csv"), "taken.csv: exists already"),
        (("check", "photos", "--sheet", "taken.csv"), "taken.csv: exists already"),
        (("check", "photos", "--json", "taken.csv"), "taken.csv: exists already"),
    ],
)
def test_bad_input_is_explained_in_two_lines_and_nothing_is_written(
    lpt, animals, tmp_path, arguments, message
):
    (tmp_path / "taken.csv").write_text("mine")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    code, out, err = lpt("data", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert err.startswith("lpt: ")
    assert len(err.splitlines()) <= 2
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


# Checks


def test_check_of_flawless_data_exits_with_0(lpt):
    code, out, _ = lpt("data", "check", "photos", "--workers", "0")
    assert code == 0
    assert "nothing that would spoil training" in out


def test_check_reports_what_spoils_exits_with_1_and_writes_the_files(lpt, tmp_path):
    spoil(tmp_path / "photos")
    code, out, _ = lpt(
        *("data", "check", "photos", "--json", "found.json", "--sheet", "worst.png"),
        *("--quarantine", "leave.csv"),
    )
    assert code == 1
    assert "photos/ant/bad.png" in out
    assert json.loads((tmp_path / "found.json").read_text())["counts"] == {
        "not-image": 1,
        "two-labels": 1,
    }
    with Image.open(tmp_path / "worst.png") as sheet:
        assert sheet.format == "PNG"
    named = {row["name"] for row in rows(tmp_path / "leave.csv")}
    assert named == {"ant/bad.png", "bee/01.png", "cat/twin.png"}
    assert list((tmp_path / "cache").iterdir())


def test_check_as_json_prints_only_json(lpt, tmp_path):
    spoil(tmp_path / "photos")
    code, out, _ = lpt("data", "check", "photos", "--json", "-", "--workers", "0")
    assert code == 1
    assert json.loads(out)["spoiled"] is True


def test_check_works_without_a_writable_cache(lpt, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, _ = lpt("data", "check", "photos", "--cache", "file/below", "--workers", "0")
    assert code == 0


# Tables


def test_list_names_every_known_set_with_its_options(lpt):
    code, out, _ = lpt("data", "list")
    assert code == 0
    for name, known in DATASETS.items():
        line = next(line for line in out.splitlines() if line.startswith(f"{name} "))
        assert all(option in line for option in known.options)


def test_bench_has_a_row_for_each_number_of_workers(lpt):
    code, out, _ = lpt(
        *("data", "bench", "photos", "--image-size", "16", "--batch", "8", "--images", "32"),
        *("--workers", "0", "--workers", "1"),
    )
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == ["workers", "0", "1"]


# Folders as they are


def test_inspect_counts_the_training_images_that_train_will_use(lpt):
    _, out, _ = lpt("data", "inspect", "photos", "--json")
    data = open_data("photos")
    assert json.loads(out)["counts"]["train"] == data.counts().tolist()
    assert "val" in data.splits


def test_what_is_left_out_is_named_by_inspect_and_check(lpt, tmp_path):
    (tmp_path / "photos" / "ant" / "._a.jpg").write_bytes(b"x")
    (tmp_path / "photos" / "ant" / "notes.txt").write_bytes(b"x")
    for command in ("inspect", "check"):
        _, out, _ = lpt("data", command, "photos")
        assert "left out  1 hidden file or folder (ant/._a.jpg); 1 file that is not" in out


def test_check_reports_all_faults_of_folders_and_of_images(lpt, tmp_path):
    spoil(tmp_path / "photos")
    (tmp_path / "photos" / "empty").mkdir()
    (tmp_path / "photos" / "ant" / "art.psd").write_bytes(b"x")
    code, out, _ = lpt("data", "check", "photos", "--workers", "0", "--sheet", "s.png")
    assert code == 1
    for kind in ("empty-class", "unsupported", "not-image", "two-labels"):
        assert kind in out
    code, _, err = lpt("data", "inspect", "photos")
    assert code == 2
    assert "2 problems" in err


def test_longtail_says_which_classes_become_rare(lpt):
    _, out, _ = lpt("data", "longtail", "photos", "lt.csv", "--imbalance", "2")
    assert "order ant (most images) to dog (fewest); --shuffle-classes draws another" in out
    _, out, _ = lpt("data", "longtail", "photos", "s.csv", "--imbalance", "2", "--shuffle-classes")
    assert "drawn by --seed" in out


def test_longtail_says_which_imbalance_is_reached(lpt, tmp_path):
    """In alphabetical order, the three images of the first class would bound all others."""
    for old, new in (("ant", "zebu"), ("dog", "asp")):
        (tmp_path / "photos" / old).rename(tmp_path / "photos" / new)

    def printed(imbalance: int) -> str:
        options = ("--imbalance", str(imbalance), "--test-fraction", "0")
        return lpt("data", "longtail", "photos", f"{imbalance}.csv", *options)[1]

    assert "order zebu (most images) to asp (fewest)" in printed(8)
    assert "28 to 2 per class (imbalance 14)" in printed(10)
    assert Counter(row["label_name"] for row in rows(tmp_path / "10.csv")) == {
        "zebu": 28,
        "bee": 12,
        "cat": 6,
        "asp": 2,
    }
    assert "note  above imbalance 11: numbers of images are rounded down" in printed(11)
    assert "note  imbalance 1000 is not reached: the largest class keeps 30 images" in printed(1000)
    assert "note" not in printed(30)


def test_lists_of_names_that_are_not_utf_8_open_again(lpt, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8:strict")
    folder = tmp_path / "photos" / "ant"
    for path in sorted(folder.iterdir()):
        path.rename(folder / os.fsdecode(b"gr\xf6\xdfe" + path.name.encode()))
    folder.rename(tmp_path / "photos" / os.fsdecode(b"m\xf6we"))
    for command in (("split", "s.csv"), ("longtail", "l.csv")):
        assert lpt("data", command[0], "photos", f"photos/{command[1]}")[0] == 0
        assert b"m\xf6we/gr\xf6\xdfe" in (tmp_path / "photos" / command[1]).read_bytes()
        assert open_data(f"photos:list={command[1]}").num_classes == 4
    code, out, _ = lpt("data", "inspect", "photos")
    assert code == 0
    assert r"m\xf6we" in out


def test_a_check_reads_the_data_as_it_was_corrected(lpt):
    shutil.copy("photos/ant/00.png", "photos/bee/copy.png")  # one image under two labels
    code, out, _ = lpt("data", "check", "photos")
    assert code == 1
    header = "name,split,decision,label,corrected\n"
    Path("list.csv").write_text(header + "bee/copy.png,,change,bee,ant\n")
    code, out, _ = lpt("data", "check", "photos", "--corrections", "list.csv")
    assert code == 0
    assert "1 label changed, 0 images left out, 0 confirmed" in out
    Path("list.csv").write_text(header + "bee/copy.png,,change,bee,Ant\n")
    code, _, err = lpt("data", "check", "photos", "--corrections", "list.csv")
    assert code == 2
    assert "no class 'Ant'. Nearest: ant, cat." in err
