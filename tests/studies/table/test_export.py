"""CSV and JSON have every number."""

import csv
import io
import json
from dataclasses import replace

from lpt.studies.table.export import study_csv, study_json

from .rows import ROW, table


def test_csv_keeps_full_precision():
    first, second = csv.DictReader(io.StringIO(study_csv(table())))
    assert (first["overall"], first["overall_deviation"]) == ("0.5", "0.01")
    assert (first["paper_overall"], second["paper_overall"]) == ("0.5007", "")
    assert (second["difference_overall_low"], second["overall_deviation"]) == ("-0.08", "")


def test_json_has_null_for_undefined_numbers():
    tree = json.loads(json.dumps(study_json(table()), allow_nan=False))
    first, second = tree["rows"]
    assert first["scores"]["overall"] == {"mean": 0.5, "deviation": 0.01}
    assert second["scores"]["overall"]["deviation"] is None
    assert second["difference"]["overall"]["high"] == -0.02
    assert first["paper"][0]["source"] == "table 8"
    assert (first["fewer_epochs_than_standard"], first["random"]) == (False, False)


def test_csv_names_the_curve_of_a_row():
    (row,) = csv.DictReader(io.StringIO(study_csv(table(replace(ROW, curve="LIFT")))))
    assert row["curve"] == "LIFT"
    assert "curve" not in study_csv(table()).splitlines()[0]
