"""The three formats of `lpt predict`."""

import csv
import io
import json

from hypothesis import given
from hypothesis import strategies as st

from lpt.cli.predictions.prediction_rows import Output, PredictionRow, formatter
from lpt.escape import printable
from lpt.task.prediction import Prediction

BIRD = Prediction("a.jpg", ("wren", "robin"), (0.7, 0.2), (3, 1))


def cells(line: str) -> list[str]:
    return next(csv.reader(io.StringIO(line)))


def test_csv_has_the_same_columns_in_every_row():
    head, row = formatter(Output.CSV, 2)
    named = "path,label,probability,label_2,probability_2,unsure,error"
    assert head == named
    assert row(PredictionRow("a.jpg", BIRD)) == "a.jpg,wren,0.700000,robin,0.200000,,"
    assert cells(row(PredictionRow("a.jpg", BIRD, unsure=True)))[5] == "yes"
    assert cells(row(PredictionRow("a.jpg", BIRD, unsure=False)))[5] == "no"
    bad = cells(row(PredictionRow("b, c.jpg", None, "cannot be read")))
    assert bad == ["b, c.jpg", "", "", "", "", "", "cannot be read"]


def test_json_has_the_same_keys_in_every_row():
    head, row = formatter(Output.JSONL, 2)
    assert head == ""
    good = json.loads(row(PredictionRow("a.jpg", BIRD, unsure=True)))
    assert good == {
        "path": "a.jpg",
        "labels": ["wren", "robin"],
        "probabilities": [0.7, 0.2],
        "matched": [3, 1],
        "unsure": True,
        "error": None,
    }
    bad = json.loads(row(PredictionRow("b.jpg", None, "cannot be read")))
    assert bad.keys() == good.keys()
    assert bad["labels"] is None
    assert bad["error"] == "cannot be read"


def test_the_table_marks_what_is_unsure_or_unreadable():
    _, row = formatter(Output.TABLE, 2)
    assert row(PredictionRow("a.jpg", BIRD)) == "a.jpg  wren 70.0%  robin 20.0%"
    unsure = row(PredictionRow("a.jpg", BIRD, unsure=True))
    assert unsure == "a.jpg  unsure  wren 70.0%  robin 20.0%"
    assert row(PredictionRow("b.jpg", None, "no such file")) == "b.jpg  error: no such file"


@given(st.text(), st.text(min_size=1))
def test_any_name_of_a_file_or_a_class_stays_in_its_cell(path, label):
    found = PredictionRow(path, Prediction(path, (label,), (0.5,), ()))
    content = json.loads(formatter(Output.JSONL, 1)[1](found))
    assert (content["path"], content["labels"]) == (path, [label])
    text = formatter(Output.CSV, 1)[1](found)
    (row,) = csv.reader(io.StringIO(text, newline=""))
    assert len(row) == 5
    assert printable(row[0]).endswith(printable(path))
    assert row[1].endswith(printable(label))
    line = formatter(Output.TABLE, 1)[1](found)
    assert line == f"{printable(path)}  {printable(label)} 50.0%"  # the path once
