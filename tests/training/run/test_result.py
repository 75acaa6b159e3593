"""Totals of a run's record."""

from lpt.training.run.result import Result


def test_totals_add_up_phases_and_parameters():
    result = Result({}, 10, 7, 5, {"phase1": 2.0, "phase2": 3.5}, 1)
    assert result.seconds == 5.5
    assert result.parameters == 12
