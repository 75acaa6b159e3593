"""Metrics as JSON and CSV."""

import csv
import io
import json
from pathlib import Path

import numpy as np

from lpt.evaluation import Metrics, evaluate, metrics_csv, metrics_json
from lpt.evaluation.metric_files import write_metrics
from lpt.records import Predictions


def one_image(names: list[str]) -> Metrics:
    """Score one image of class 0, predicted correctly; it has 50 training images, others 9 or 0."""
    logits = np.eye(1, len(names), dtype=np.float32)
    labels = np.zeros(1, dtype=np.int64)
    return evaluate(Predictions(logits, labels), [50, 9, 0][: len(names)], class_names=names)


def test_json_has_names_and_no_nan() -> None:
    measured = one_image(["Ærø", "b", "c"])
    text = json.dumps(metrics_json(measured), allow_nan=False)
    read = json.loads(text)
    assert [score["name"] for score in read["classes"]] == ["Ærø", "b", "c"]
    assert read["many"] is None
    assert read["groups"]["medium"] == {"accuracy": 1.0, "classes": 1, "images": 1, "correct": 1}
    assert read["group_bounds"] == {"many_above": 100, "few_below": 20}


def test_csv_has_a_line_per_class_and_escapes_names() -> None:
    names = ['a,"b"', "two\nlines"]
    measured = one_image(names)
    rows = list(csv.DictReader(io.StringIO(metrics_csv(measured))))
    assert [row["name"] for row in rows] == ['a,"b"', r"two\x0alines"]
    assert [row["recall"] for row in rows] == ["1.0", ""]
    assert [row["group"] for row in rows] == ["medium", "few"]


def test_both_files_are_written(tmp_path: Path) -> None:
    measured = one_image(["a", "b"])
    write_metrics(tmp_path, "test", measured)
    assert json.loads((tmp_path / "test.json").read_text()) == metrics_json(measured)
    assert (tmp_path / "test.csv").read_text() == metrics_csv(measured)
