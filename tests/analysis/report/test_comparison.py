"""Comparison of two runs."""

from dataclasses import replace

from lpt.analysis.report.comparison import (
    group_chart,
    movers,
    tail_chart,
    validation_chart,
)
from lpt.analysis.report.finished_run import FinishedRun
from lpt.progress import SUMMARY_METRICS


def test_charts_have_a_series_per_run(both: list[FinishedRun]) -> None:
    groups = sum(both[0].analysis.summary[name] is not None for name in SUMMARY_METRICS)
    for series in ("run0", "run1"):
        assert str(group_chart(both)).count(f'"bar {series}"') == groups
        assert f'"line {series}"' in str(tail_chart(both))
        assert f'"line {series}"' in str(validation_chart(both))


def test_groups_without_images_are_not_drawn(both: list[FinishedRun]) -> None:
    def without(run: FinishedRun) -> FinishedRun:
        summary = run.analysis.summary | {"many": None}
        return replace(run, analysis=replace(run.analysis, summary=summary))

    neither = [without(run) for run in both]
    assert ">many<" in str(group_chart(both))
    assert ">many<" in str(group_chart([both[0], neither[1]]))
    assert ">many<" not in str(group_chart(neither))


def test_without_validation_there_is_no_chart(both: list[FinishedRun]) -> None:
    assert validation_chart([replace(run, metrics=[]) for run in both]) is None


def test_movers_are_sorted_by_difference(both: list[FinishedRun]) -> None:
    found = movers(*both)
    differences = [abs(mover.last - mover.first) for mover in found]
    assert differences == sorted(differences, reverse=True)
    assert all(differences)
    recall = {c.name: c.recall for c in both[1].analysis.classes}
    assert all(mover.last == recall[mover.name] for mover in found)
    assert movers(both[0], both[0]) == ()


def test_movers_have_the_counts_of_both_runs(both: list[FinishedRun]) -> None:
    first, last = ({c.name: c for c in run.analysis.classes} for run in both)
    for mover in movers(*both):
        assert mover.train_images == (
            first[mover.name].train_images,
            last[mover.name].train_images,
        )
        assert mover.test_images == (first[mover.name].test_images, last[mover.name].test_images)
