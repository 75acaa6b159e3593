"""The plan of a row and its result."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lpt.studies.define.lr_grid import LearningRate
from lpt.studies.plan.plan_runs import Line, StudyRun

__all__ = ["RowPlan", "RowResult"]


@dataclass(frozen=True)
class RowResult:
    """The runs behind a line of the table.

    Attributes:
        line: the row, on one backbone.
        lr: the selected candidate; None if none could be trained.
        runs: one per seed; empty without a learning rate.
        tried: macro accuracy on the selection images by candidate, None where it failed; empty if
            there was only one candidate.
        at_edge: whether the selected candidate is the lowest or highest of three or more.
        failed: why, if a run of the line failed.
    """

    line: Line
    lr: LearningRate | None
    runs: tuple[StudyRun, ...]
    tried: Mapping[str, float | None] = field(default_factory=dict)
    at_edge: bool = False
    failed: str = ""


@dataclass(frozen=True)
class RowPlan:
    """How many runs a row needs, and how many are finished.

    Attributes:
        label: of the row.
        choosing, final: runs for learning-rate selection, and runs for the table.
        choosing_done, final_done: how many of them are finished; those for the table at the
            selected learning rate, or before selection at the method's own.
        seconds: estimate for the missing runs on this machine; None if there is none. A run of
            phase 1 that several rows share counts for the first of them.
        measured: whether it rests on a few timed steps, not only on finished runs.
    """

    label: str
    choosing: int
    choosing_done: int
    final: int
    final_done: int
    seconds: float | None = None
    measured: bool = False
