"""A table shows results, intervals and caveats in every format."""

import csv
import io
import math
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from lpt.evaluation import Spread
from lpt.studies.run.row_result import RowPlan
from lpt.studies.table.export import study_csv, study_json
from lpt.studies.table.rendering import render_plan, render_study
from lpt.studies.table.smallest_cost import CostPoint, SmallestCost
from lpt.studies.table.study_chart import study_svg

from .rows import AUGMENTED, OTHER, ROW, table


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


def test_a_table_without_results_is_still_a_table():
    empty = replace(
        ROW, scores={}, features={}, seeds=0, seconds=None, epochs=(), standard=(), failed="no"
    )
    assert "! LPT: no" in render_study(table(empty))
    ET.fromstring(study_svg(table(empty)))
    study_json(table(empty))
    assert study_csv(table(empty)).count("\n") == 2


def test_a_plan_counts_the_runs_of_each_row():
    plans = [RowPlan("LPT", 3, 1, 2, 0, 7200.0), RowPlan("plain", 0, 0, 2, 2, 0.0)]
    text = render_plan(plans)
    assert " ".join(line_of(text, "LPT").split()[1:]) == "1 of 3 0 of 2 2 h 00 min"
    assert line_of(text, "plain").split()[1:] == ["-", "2", "of", "2", "none"]
    assert "Total time left on this machine: about 2 h 00 min." in text
    assert "recorded seconds of finished runs" in text
    assert "~" not in text


def test_a_plan_says_which_times_were_measured_and_which_are_unknown():
    plans = [RowPlan("LPT", 0, 0, 2, 0, 60.0, True), RowPlan("VPT", 0, 0, 2, 0, None, True)]
    text = render_plan(plans)
    assert line_of(text, "LPT").split()[-3:] == ["~", "60", "s"]
    assert line_of(text, "VPT").split()[-1] == "-"
    assert "about 60 s (rough), and 1 row of unknown time." in text
    assert "~ rough, from a few steps timed now" in text


def test_smallest_costs_are_lines_below_the_table():
    point = CostPoint("LPT, 9", "LPT", 0.26, 900.0)
    text = render_study(table(costs=(SmallestCost("", point, point, None),)))
    assert "Best result: LPT, 9 (26.0 % in 15 min). All faster rows are clearly below it." in text
