"""The fastest row that is not clearly below the best one, over all curves and in each."""

from lpt.evaluation.bootstrap import Difference
from lpt.studies.table.smallest_cost import CostPoint, cost_lines, smallest_costs

SHORT, LONG = CostPoint("LPT, 1", "LPT", 0.20, 100.0), CostPoint("LPT, 9", "LPT", 0.26, 900.0)
MIDDLE = CostPoint("LPT, 3", "LPT", 0.25, 300.0)
PROBE = CostPoint("probe, 9", "probe", 0.24, 40.0)
NOT_BELOW, BELOW = Difference(-0.01, -0.02, 0.001), Difference(-0.03, -0.04, -0.02)


def compared(*not_below: str):
    """Rows of these labels are not clearly below the best; all others are."""
    return lambda label, _: NOT_BELOW if label in not_below else BELOW


def test_the_fastest_row_that_is_not_clearly_below_the_best_is_enough():
    (cost,) = smallest_costs([LONG, MIDDLE, SHORT], compared("LPT, 3"))
    assert (cost.curve, cost.best, cost.enough, cost.difference) == ("", LONG, MIDDLE, NOT_BELOW)


def test_several_curves_also_have_their_own():
    costs = smallest_costs([SHORT, LONG, PROBE], compared("probe, 9"))
    assert [cost.curve for cost in costs] == ["", "LPT", "probe"]
    assert [cost.enough for cost in costs] == [PROBE, LONG, PROBE]
    assert [cost.best for cost in costs] == [LONG, LONG, PROBE]


def test_the_best_row_is_enough_if_faster_ones_are_below_it_or_cannot_be_compared():
    for compare in (compared(), lambda *_: None):
        (cost,) = smallest_costs([SHORT, LONG], compare)
        assert (cost.enough, cost.difference) == (LONG, None)


def test_of_equally_good_rows_the_faster_one_is_the_best():
    slower = CostPoint("LPT, 20", "LPT", 0.26, 2000.0)
    (cost,) = smallest_costs([slower, LONG], compared("LPT, 20"))
    assert cost.best == cost.enough == LONG


def test_without_rows_there_is_nothing():
    assert smallest_costs([], compared()) == ()


def test_a_line_names_both_rows_with_accuracy_time_and_interval():
    costs = smallest_costs([SHORT, LONG, PROBE], compared("probe, 9"))
    overall, lpt, _ = cost_lines(costs)
    assert overall == (
        "Best result: LPT, 9 (26.0 % in 15 min). The fastest row that is not clearly below it: "
        "probe, 9 (24.0 % in 40 s), -1.0 [-2.0, +0.1]."
    )
    assert lpt == "Best of LPT: LPT, 9 (26.0 % in 15 min). All faster rows are clearly below it."
