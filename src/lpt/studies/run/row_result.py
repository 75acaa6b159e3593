"""What a study needs before it runs, and what it has afterwards, a row each."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lpt.studies.define.lr_grid import LearningRate
from lpt.studies.plan.plan_runs import Cell, Line

__all__ = ["Outcome", "Planned"]


@dataclass(frozen=True)
class Outcome:
    """What a line of the table is made of.

    Attributes:
        line: the row, on one backbone.
        rate: the chosen one; None if no candidate could be trained.
        cells: one for each seed; empty without a rate.
        tried: macro accuracy on the selection images by candidate; None where it failed. Empty
            where there was nothing to choose.
        at_edge: whether the chosen rate is the lowest or highest of three or more candidates.
        failed: why, if a cell of the line failed.
    """

    line: Line
    lr: LearningRate | None
    cells: tuple[Cell, ...]
    tried: Mapping[str, float | None] = field(default_factory=dict)
    at_edge: bool = False
    failed: str = ""


@dataclass(frozen=True)
class Planned:
    """What a row needs.

    Attributes:
        label: of the row.
        choosing, final: cells that choose its rate, and those of the table.
        choosing_done, final_done: how many of them are finished; those of the table at the rate
            chosen, or at the own one before.
    """

    label: str
    choosing: int
    choosing_done: int
    final: int
    final_done: int
