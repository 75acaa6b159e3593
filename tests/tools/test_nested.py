"""Nested sets: a new tail of listed classes, and a table over several sets."""

import csv
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tools.nested import KEPT, LARGEST, SCORED, SMALLEST, main, mean_table, write_set

CLASSES = {"ant": 180, "bee": 90, "cat": 40, "dog": 21}


@pytest.fixture
def source(tmp_path):
    """Images that are numbers, and a list of some of them."""
    rows = [(name, i) for name, count in CLASSES.items() for i in range(count + 5)]
    images = [f"{name} {i}".encode() for name, i in rows]
    pq.write_table(pa.table({"image": images}), tmp_path / "train.parquet")
    with (tmp_path / "list.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "row", "label_name"])
        for row, (name, i) in enumerate(rows):
            if i < CLASSES[name]:
                writer.writerow(["train.parquet", row, name])
    return tmp_path


def read(folder, split):
    return pq.read_table(folder / f"{split}.parquet").to_pylist()


def test_classes_get_a_new_tail_and_share_no_image_with_the_scored_ones(source, tmp_path):
    folder = write_set(source, "list.csv", 0, tmp_path / "out")
    train, test = read(folder, "train"), read(folder, "test")
    counts = [sum(r["label"] == label for r in train) for label in range(3)]
    assert counts[-1] == SMALLEST
    assert max(counts) <= LARGEST
    assert {r["label_name"] for r in train} == {"ant", "bee", "cat"}  # dogs have too few
    assert not {r["image"] for r in train} & {r["image"] for r in test}
    for label in range(3):
        assert KEPT <= sum(r["label"] == label for r in test) <= SCORED


def test_images_that_the_list_leaves_out_are_never_used(source, tmp_path):
    folder = write_set(source, "list.csv", 1, tmp_path / "out")
    used = [r["image"].decode().split() for part in ("train", "test") for r in read(folder, part)]
    assert all(int(number) < CLASSES[name] for name, number in used)


def test_sets_differ_by_number_and_are_kept(source, tmp_path, capsys):
    main([str(source), "list.csv", str(tmp_path / "out"), "--sets", "3"])
    assert len(capsys.readouterr().out.splitlines()) == 3
    sets = [read(tmp_path / "out" / f"nested{n}", "train") for n in range(3)]
    assert sets[0] != sets[1] != sets[2]
    file = tmp_path / "out/nested0/test.parquet"
    before = file.stat().st_mtime_ns
    write_set(source, "list.csv", 0, tmp_path / "out")
    assert file.stat().st_mtime_ns == before


def test_the_table_has_the_mean_over_sets(tmp_path):
    for number, macro in enumerate((0.25, 0.35)):
        rows = [{"label": "LIFT", "scores": {"macro": {"mean": macro}}}]
        (tmp_path / f"{number}.json").write_text(json.dumps({"rows": rows}))
    line = mean_table([tmp_path / "0.json", tmp_path / "1.json"]).splitlines()[1]
    assert line.split() == ["LIFT", "2", "30.00"]
