"""Rows as CSV, JSON lines and Parquet: the same content in each."""

import csv
import io
import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from lpt.cli.predictions.prediction_rows import PredictionRow
from lpt.cli.predictions.row_bytes import BulkRow, format_of
from lpt.task import Prediction

FEATURE = np.array([0.1, -2.5, 1e-7], dtype=np.float32)
GOOD = PredictionRow("a.jpg", Prediction("a.jpg", ("wren", "=owl"), (0.75, 0.25), (3, 1)), "", True)
BAD = PredictionRow("k\udcf6.jpg", None, "damaged, or not")
ROWS = [BulkRow(GOOD, FEATURE), BulkRow(BAD)]


def written(path, rows, width):
    kind = format_of(path, 2, width)
    content = kind.head + b"".join(kind.encode([row]) for row in rows)
    if kind.convert is None:
        path.write_bytes(content)
    else:
        partial = path.with_name("partial")
        partial.write_bytes(content)
        kind.convert(partial, path)
    return path


def test_csv(tmp_path):
    text = written(tmp_path / "p.csv", ROWS, 3).read_bytes()
    good, bad = csv.DictReader(io.StringIO(text.decode("utf-8", "surrogateescape")))
    assert (good["label"], good["probability"]) == ("wren", "0.750000")
    assert good["label_2"] == "'=owl"  # no formula
    assert [np.float32(good[f"feature_{i}"]) for i in range(3)] == FEATURE.tolist()
    assert (bad["error"], bad["feature_0"], bad["unsure"]) == ("damaged, or not", "", "")
    assert b"k\xf6.jpg" in text
    plain = written(tmp_path / "q.csv", ROWS, None).read_text(errors="replace").splitlines()
    assert plain[0] == "path,label,probability,label_2,probability_2,unsure,error"


def test_json_lines(tmp_path):
    good, bad = map(json.loads, written(tmp_path / "p.jsonl", ROWS, 3).read_text().splitlines())
    assert good["labels"] == ["wren", "=owl"]
    assert np.array_equal(np.float32(good["feature"]), FEATURE)
    assert (bad["labels"], bad["feature"], bad["error"]) == (None, None, "damaged, or not")
    plain = written(tmp_path / "q.jsonl", ROWS, None).read_text()
    assert "feature" not in plain


def test_parquet(tmp_path):
    table = pq.read_table(written(tmp_path / "p.parquet", ROWS, 3)).to_pydict()
    assert table["path"] == ["a.jpg", "k\\xf6.jpg"]
    assert (table["label"], table["probability_2"]) == (["wren", None], [0.25, None])
    assert table["label_2"][0] == "=owl"
    assert (table["matched"], table["unsure"]) == ([[3, 1], None], [True, None])
    assert np.array_equal(np.float32(table["feature"][0]), FEATURE)
    assert table["feature"][1] is None
    assert "feature" not in pq.read_schema(written(tmp_path / "q.parquet", ROWS, None)).names


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_file_without_rows_can_be_read(suffix, tmp_path):
    path = written(tmp_path / f"p{suffix}", [], None)
    if suffix == ".parquet":
        assert pq.read_table(path).num_rows == 0
    else:
        assert len(path.read_text().splitlines()) == (suffix == ".csv")


def test_parquet_does_not_depend_on_how_the_rows_arrived(tmp_path):
    kind = format_of(tmp_path / "p.parquet", 2, None)
    contents = []
    for number in range(2):
        (tmp_path / "partial").write_bytes(kind.head + kind.encode([ROWS[0]]) * 3)
        kind.convert(tmp_path / "partial", tmp_path / f"{number}.parquet")
        contents.append((tmp_path / f"{number}.parquet").read_bytes())
    assert contents[0] == contents[1]
