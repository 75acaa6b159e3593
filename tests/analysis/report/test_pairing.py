"""Runs are compared on the images both were analysed on, and what differs is said."""

from dataclasses import replace

import pytest

from lpt.analysis.predictions import ImagePrediction
from lpt.analysis.report.finished_run import FinishedRun
from lpt.analysis.report.pairing import pair_runs, remarks

ANT, CAT = "ant", "cat"


def judged(run: FinishedRun, *correct: bool, root: str = "/data", label: str = ANT) -> FinishedRun:
    images = tuple(
        ImagePrediction(f"{root}/{label}/{i}.jpg", label, label if right else "no")
        for i, right in enumerate(correct)
    )
    analysis = replace(run.analysis, images=len(images))
    return replace(run, predictions=images, analysis=analysis)


def test_differences_are_paired_by_image_with_an_interval(both: list[FinishedRun]) -> None:
    first = judged(both[0], *[True] * 30, *[False] * 30)
    other = judged(both[1], *[True] * 42, *[False] * 18)
    pair = pair_runs(first, other)
    assert pair is not None
    overall = pair.differences["overall"]
    assert (pair.images, overall.mean) == (60, pytest.approx(0.2))
    assert 0.05 < overall.low < 0.2 < overall.high < 0.35


def test_equal_predictions_differ_by_nothing_at_all(both: list[FinishedRun]) -> None:
    pair = pair_runs(judged(both[0], True, False, True), judged(both[1], True, False, True))
    assert pair is not None
    difference = pair.differences["overall"]
    assert (difference.low, difference.mean, difference.high) == (0, 0, 0)


def test_images_of_moved_data_are_found_by_folder_and_name(both: list[FinishedRun]) -> None:
    pair = pair_runs(judged(both[0], True, False), judged(both[1], True, True, root="/moved"))
    assert pair is not None
    assert (pair.images, pair.differences["overall"].mean) == (2, 0.5)


def test_only_images_in_common_count_and_the_page_says_how_many(both: list[FinishedRun]) -> None:
    runs = [judged(both[0], True, False, True), judged(both[1], True, True)]
    pair = pair_runs(*runs)
    assert pair is not None
    assert pair.images == 2
    (text,) = [text for text in remarks(runs, [pair]) if "in common" in text]
    assert "3 images" in text
    assert "the 2 images in common" in text


def test_images_with_other_labels_are_left_out_and_counted(both: list[FinishedRun]) -> None:
    first, other = judged(both[0], True, True, True), judged(both[1], True, True, True)
    assert other.predictions is not None
    changed = (replace(other.predictions[0], own=CAT), *other.predictions[1:])
    runs = [first, replace(other, predictions=changed)]
    pair = pair_runs(*runs)
    assert pair is not None
    assert (pair.images, pair.relabelled) == (2, 1)
    assert any("another label" in text for text in remarks(runs, [pair]))


def test_runs_without_common_images_are_not_comparable(both: list[FinishedRun]) -> None:
    runs = [judged(both[0], True, True), judged(both[1], True, True, label=CAT)]
    assert pair_runs(*runs) is None
    assert any("different images" in text for text in remarks(runs, [None]))


def test_an_older_analysis_is_named_with_the_command(both: list[FinishedRun]) -> None:
    runs = [replace(both[0], predictions=None), judged(both[1], True)]
    assert pair_runs(*runs) is None
    assert f"lpt analyze {both[0].path}" in remarks(runs, [None])[0]


def test_other_classes_and_other_groups_are_said(both: list[FinishedRun]) -> None:
    first, other = judged(both[0], True, True), judged(both[1], True, True)
    rest, moved = other.analysis.classes[1:], other.analysis.classes[1]
    group = "few" if moved.group != "few" else "many"
    classes = (replace(moved, group=group), *rest[1:])
    other = replace(other, analysis=replace(other.analysis, classes=classes))
    text = " ".join(remarks([first, other], [pair_runs(first, other)]))
    assert "different classes: 1 only in" in text
    assert "other shot groups" in text


def test_like_runs_need_no_remark(both: list[FinishedRun]) -> None:
    runs = [judged(both[0], True, True), judged(both[0], True, False)]
    assert remarks(runs, [pair_runs(*runs)]) == []
