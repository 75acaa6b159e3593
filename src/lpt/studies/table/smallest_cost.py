"""The smallest time of training whose result cannot be told from the best one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lpt.evaluation.bootstrap import Difference
from lpt.progress import human_time, percent

__all__ = ["CostPoint", "SmallestCost", "cost_lines", "smallest_costs"]


@dataclass(frozen=True)
class CostPoint:
    """A trained row of a curve.

    Attributes:
        label, curve: of the row.
        overall: mean accuracy over seeds, a share.
        seconds: mean duration of training.
    """

    label: str
    curve: str
    overall: float
    seconds: float


@dataclass(frozen=True)
class SmallestCost:
    """The cheapest row that reaches the best accuracy of some rows.

    Attributes:
        curve: whose rows are compared; "" for those of all curves.
        best: the row with the highest overall accuracy; the cheaper one of equals.
        enough: the row with the least seconds whose accuracy, paired image by image, is not clearly
            below that of `best`; it may be `best`.
        difference: `enough` minus `best`; None if they are one row.
    """

    curve: str
    best: CostPoint
    enough: CostPoint
    difference: Difference | None


def smallest_costs(
    points: Sequence[CostPoint], compare: Callable[[str, str], Difference | None]
) -> tuple[SmallestCost, ...]:
    """Find the cheapest sufficient row of all curves, and of each curve if there are several.

    Args:
        points: rows on one backbone.
        compare: difference of overall accuracy of two rows, by their labels: the first minus the
            second; None if they have no seed in common.
    """
    if not points:
        return ()
    curves = list(dict.fromkeys(point.curve for point in points))
    parts = [[p for p in points if p.curve == curve] for curve in curves]
    found = [_smallest("", points, compare)]
    if len(curves) > 1:
        found += [_smallest(c, part, compare) for c, part in zip(curves, parts, strict=True)]
    return tuple(found)


def _smallest(
    curve: str, points: Sequence[CostPoint], compare: Callable[[str, str], Difference | None]
) -> SmallestCost:
    cheapest_first = sorted(points, key=lambda point: point.seconds)
    best = max(cheapest_first, key=lambda point: point.overall)
    for point in cheapest_first:
        if point is best:
            break
        difference = compare(point.label, best.label)
        if difference is not None and difference.high >= 0:
            return SmallestCost(curve, best, point, difference)
    return SmallestCost(curve, best, best, None)


def cost_lines(costs: Sequence[SmallestCost]) -> list[str]:
    """Return a sentence for each."""
    return list(map(_line, costs))


def _line(cost: SmallestCost) -> str:
    whose = f"of {cost.curve}" if cost.curve else "result"
    line = f"Best {whose}: {_described(cost.best)}."
    if cost.difference is None:
        return f"{line} All faster rows are clearly below it."
    low, high = 100 * cost.difference.low, 100 * cost.difference.high
    return (
        f"{line} The fastest row that is not clearly below it: {_described(cost.enough)}, "
        f"{100 * cost.difference.mean:+.1f} [{low:+.1f}, {high:+.1f}]."
    )


def _described(point: CostPoint) -> str:
    return f"{point.label} ({percent(point.overall)} % in {human_time(point.seconds)})"
