"""A table shows results, intervals and caveats in every format."""

import csv
import io
import json
import math
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from lpt.data.class_groups import ClassGroups
from lpt.evaluation import Spread
from lpt.studies.define.definition import Published
from lpt.studies.table.bootstrap import Difference
from lpt.studies.table.chart import study_svg
from lpt.studies.table.export import study_csv, study_json
from lpt.studies.table.rendering import render_study
from lpt.studies.table.study_table import StudyTable, TableRow

PAPER = Published(values={"overall": 0.5007, "few": 0.4688}, source="table 8")
ROW = TableRow(
    label="LPT",
    backbone="vit",
    scores={"overall": Spread(0.5, 0.01), "macro": Spread(0.4, 0.02), "few": Spread(0.25, 0.0)},
    tta={},
    features={"gamma": Spread(1.25, 0.1), "knn": Spread(0.3, 0.1)},
    seeds=3,
    lr="x3",
    absolute_lr=0.03,
    tried={},
    at_edge=False,
    uses_tta=False,
    made_with=("lpt 1, torch 2, 1 thread, cpu, bf16",),
    parameters=1_013_760,
    seconds=Spread(12.34, 0.5),
    peak_memory_bytes=2_000_000_000,
    epochs=(40, 40),
    standard=(40, 40),
    difference={},
    tta_difference={},
    paper=(PAPER,),
    random=False,
    failed="",
)
OTHER = replace(
    ROW,
    label="probe <a & b>",
    scores={"overall": Spread(0.45, math.nan)},
    difference={
        "overall": Difference(-0.05, -0.08, -0.02),
        "few": Difference(-0.01, -0.03, 0.01),
    },
    paper=(),
    epochs=(20,),
    standard=(20,),
)


def table(*rows: TableRow, **changes: object) -> StudyTable:
    made = StudyTable(
        "phases", "what helps?", "table 8", "photos", "LPT", rows or (ROW, OTHER), (),
        ClassGroups(), False, ("Trained on 41 images.",),
    )  # fmt: skip
    return replace(made, **changes)


def line_of(text: str, label: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(label))


def test_a_row_has_accuracies_with_deviations_cost_and_the_papers_numbers():
    line = line_of(render_study(table()), "LPT")
    for part in ("50.0 ± 1.0", "25.0 ± 0.0", "1,013,760", "12.3", "2,000", "40 + 40", "x3"):
        assert part in line
    assert "x3 (0.03)" in line
    assert line.endswith("50.07 / 46.88 few")


def test_one_seed_has_no_deviation():
    line = line_of(render_study(table()), "probe")
    assert "45.0 " in line
    assert "±" not in line


def test_differences_have_intervals():
    text = render_study(table())
    line = [x for x in text.splitlines() if x.startswith("probe")][1]
    assert "-5.0 [-8.0, -2.0]" in line
    assert "-1.0 [-3.0, +1.0] ?" in line
    assert "minus LPT" in text


AUGMENTED = (
    replace(ROW, tta={"overall": Spread(0.525, 0.01)}),
    replace(
        OTHER,
        tta={"overall": Spread(0.475, math.nan)},
        tta_difference={"overall": Difference(-0.05, -0.06, -0.04)},
    ),
)


def test_test_time_augmentation_has_its_own_table_with_differences():
    assert "test-time augmentation" not in render_study(table())
    text = render_study(table(*AUGMENTED))
    rest = text[text.index("test-time augmentation") :]
    assert "52.5 ± 1.0" in line_of(rest, "LPT")
    assert line_of(rest, "probe").endswith(" -")
    assert "-5.0 [-6.0, -4.0]" in rest
    assert "## The same models" in render_study(table(*AUGMENTED), "markdown")
    first = next(csv.DictReader(io.StringIO(study_csv(table(*AUGMENTED)))))
    assert float(first["tta_overall"]) == 0.525
    assert study_json(table(*AUGMENTED))["rows"][0]["tta"]["overall"]["mean"] == 0.525


@pytest.mark.parametrize(
    ("change", "mark", "words"),
    [
        ({"epochs": (10,)}, "*", "fewer epochs"),
        ({"random": True}, "†", "smoke test only"),
        ({"seeds": 2}, "‡", "fewer seeds"),
        ({"at_edge": True}, "^", "a better one may lie beyond"),
        ({"uses_tta": True}, "§", "predicts with test-time augmentation"),
        ({"failed": "loss is not finite.\nLower it."}, "!", "loss is not finite."),
    ],
)
def test_invalid_and_incomplete_results_are_marked(change, mark, words):
    plain = render_study(table())
    text = render_study(table(ROW, replace(OTHER, **{"label": "odd", **change})))
    assert f" {mark} " in line_of(text, "odd")
    assert words in text
    assert words not in plain


def test_every_candidate_learning_rate_is_shown_with_its_score():
    assert "candidate" not in render_study(table())
    chosen = replace(ROW, tried={"x1/3": 0.25, "x1": 0.375, "x3": None})
    text = render_study(table(chosen, OTHER))
    line = line_of(text[text.index("each candidate") :], "LPT")
    assert line.split()[1:] == ["25.0", "37.5", "-"]
    first = next(csv.DictReader(io.StringIO(study_csv(table(chosen, OTHER)))))
    assert (first["selection_macro_x1"], first["selection_macro_x3"]) == ("0.375", "")
    assert study_json(table(chosen))["rows"][0]["tried"]["x1/3"] == 0.25


def test_runs_of_several_machines_are_listed_separately():
    assert "Runs were trained with lpt 1, torch 2, 1 thread, cpu, bf16." in render_study(table())
    text = render_study(table(ROW, replace(OTHER, label="probe", made_with=("lpt 1, float32",))))
    assert "Trained with lpt 1, torch 2, 1 thread, cpu, bf16: LPT." in text
    assert "Trained with lpt 1, float32: probe." in text


def test_marks_are_not_bullets_in_markdown():
    short = replace(ROW, epochs=(10,))
    assert "- \\* trained for fewer" in render_study(table(short), "markdown")
    assert "\n* trained for fewer" in render_study(table(short))


def test_features_have_columns_if_the_study_measures_them():
    assert "gamma" not in render_study(table())
    text = render_study(table(with_features=True))
    assert "1.250 ± 0.100" in line_of(text, "LPT")


def test_shifted_sets_have_columns():
    row = replace(ROW, scores={**ROW.scores, "sketch": Spread(0.125, math.nan)})
    text = render_study(table(row, shifted=("sketch",)))
    assert "sketch" in text
    assert " 12.5 " in line_of(text, "LPT")


def test_markdown_is_a_table():
    text = render_study(table(), "markdown")
    assert text.startswith("# phases: what helps?\n")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in rows[:4]}) == 1
    assert "- Trained on 41 images." in text


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


def test_the_chart_is_an_svg_with_one_bar_per_value():
    chart = ET.fromstring(study_svg(table()))
    assert chart.tag == "{http://www.w3.org/2000/svg}svg"
    bars = [e for e in chart.iter() if e.attrib.get("class", "").startswith("bar ")]
    assert [bar.attrib["class"] for bar in bars] == ["bar overall", "bar few", "bar overall"]
    assert "probe <a & b>" in "".join(chart.itertext())
    whiskers = [e.attrib for e in chart.iter() if e.attrib.get("class") == "spread"]
    (whisker,) = whiskers  # one seed and a deviation of 0 have none
    width = float(bars[0].attrib["width"])
    low, high = (float(whisker[end]) - float(bars[0].attrib["x"]) for end in ("x1", "x2"))
    assert (low / width, high / width) == pytest.approx((0.49 / 0.5, 0.51 / 0.5), abs=0.005)


def test_a_table_without_results_is_still_a_table():
    empty = replace(
        ROW, scores={}, features={}, seeds=0, seconds=None, epochs=(), standard=(), failed="no"
    )
    assert "! LPT: no" in render_study(table(empty))
    ET.fromstring(study_svg(table(empty)))
    study_json(table(empty))
    assert study_csv(table(empty)).count("\n") == 2
