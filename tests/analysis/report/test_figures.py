"""Figures: what they draw, and when there is nothing to draw."""

from dataclasses import replace

import pytest

from lpt.analysis.analysis_results import Analysis
from lpt.analysis.report import figures
from lpt.analysis.report.finished_run import FinishedRun


def test_validation_accuracy_has_a_line_per_group_and_a_mark_per_phase(
    both: list[FinishedRun],
) -> None:
    drawn = str(figures.validation_chart(both[0].metrics))
    assert [f'"line {group}"' in drawn for group in figures.GROUPS] == [True] * 4
    assert (drawn.count('"mark"'), "phase 1" in drawn, "phase 2" in drawn) == (2, True, True)
    assert "After the last epoch: overall 53.2 %" in drawn


def test_the_loss_of_each_phase_is_a_line_of_its_own(both: list[FinishedRun]) -> None:
    assert str(figures.loss_chart(both[0].metrics)).count('"line overall"') == 2


def test_the_risk_coverage_curve_begins_where_ten_images_are_kept(found: Analysis) -> None:
    images = {curve.group: curve.images for curve in found.calibration}
    (overall,) = [curve for curve in found.coverage if curve.group == "overall"]
    first = next(x for x, _ in overall.points if x * images["overall"] >= 9.5)
    assert first > overall.points[0][0]
    drawn = str(figures.coverage_chart(replace(found, coverage=(overall,))))
    start = float(drawn.partition('"line overall" d="M')[2].split()[0])
    assert start == pytest.approx(60 + first * (440 - 60 - 22), abs=0.1)


def test_without_records_there_is_no_chart(found: Analysis) -> None:
    assert figures.validation_chart([]) is None
    assert figures.loss_chart([]) is None
    assert figures.lda_chart(replace(found, plane=None)) is None
    assert figures.tail_chart([replace(c, recall=None) for c in found.classes]) is None


def test_classes_of_similar_size_are_pooled(found: Analysis) -> None:
    points = figures.tail_line(found.classes)
    tested = [c for c in found.classes if c.test_images]
    sizes = [size for size, _ in points]
    assert sizes == sorted(sizes)
    correct, images = (sum(getattr(c, n) for c in tested[2:]) for n in ("correct", "test_images"))
    assert points[0] == (22.5, correct / images)


def test_each_tested_class_is_a_named_dot(found: Analysis) -> None:
    drawn = str(figures.tail_chart(found.classes))
    assert drawn.count('<circle class="dot') >= 4
    cat = found.classes[1]
    assert f"cat: {cat.correct} of {cat.test_images} correct, trained on 150" in drawn


def test_curves_name_error_and_accuracy(found: Analysis) -> None:
    overall = found.calibration[0]
    assert f"overall {100 * overall.error:.1f} %" in str(figures.calibration_chart(found))
    assert f"overall {100 * (found.summary['overall'] or 0):.1f} %" in str(
        figures.coverage_chart(found)
    )


@pytest.mark.parametrize("which", ["best", "second"])
def test_matching_maps_have_a_row_per_tested_class(found: Analysis, which: str) -> None:
    assert found.matching is not None
    drawn = str(figures.matching_map(found.matching, found.classes, which))
    assert "4 classes, most frequent first, and 4 prompts" in drawn
    cells = sum(getattr(pair, which) >= 0.005 for pair in found.matching.classes)
    assert drawn.count('<rect class="more') == cells


def test_prompts_and_keys(found: Analysis) -> None:
    assert found.matching is not None
    assert str(figures.prompt_chart(found.matching)).count('class="bar') == 8
    drawn = str(figures.key_map(found.matching))
    assert "Cosine of each pair of 4 keys; maximum between" in drawn
    negative = any(cosine < 0 for row in found.matching.key_similarity for cosine in row)
    assert ("second colour" in drawn) == negative
