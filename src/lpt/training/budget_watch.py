"""The time of a run: estimated and planned before it begins, and watched afterwards."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from lpt.config import PhaseConfig, RunConfig
from lpt.config.ranges import MAX_EPOCHS
from lpt.errors import ParameterError
from lpt.files.atomic_files import write_json
from lpt.files.json_files import read_json
from lpt.progress import human_time, plural
from lpt.training.budget import fit_budget
from lpt.training.deadline import Deadline, StageClock
from lpt.training.duration_text import budget_text
from lpt.training.engine.clocks import Limit
from lpt.training.engine.stage import Stage
from lpt.training.estimate import (
    Pace,
    cache_seconds,
    epoch_seconds,
    run_seconds,
    seconds_after,
    step_seconds,
)
from lpt.training.pace import measure_pace, measuring_limit
from lpt.training.phases.phase import Phase
from lpt.training.processes.shared_limit import SharedLimit
from lpt.training.run.training_context import TrainingContext

__all__ = [
    "BudgetWatch",
    "clock_of",
    "keep_budget",
    "plan_time",
    "report_cuts",
    "resumed_watch",
]

RESERVE = 0.05
"""Fraction of a budget that is not planned for: files, and steps that turn out slower."""

FILE = "budget.json"
"""In the run folder: the budget, and the epochs that were asked for."""

LARGEST_CACHE_SHARE = 0.6
"""Of the time that a phase has; a cache that takes longer leaves too little for training."""


@dataclass
class BudgetWatch:
    """The deadline of a run, what was measured before it began, and the slowdown seen since.

    Attributes:
        deadline: of the run.
        pace: the measured times.
        asked: epochs of each phase that were asked for, before the plan cut them.
    """

    deadline: Deadline
    pace: Pace
    asked: Mapping[str, int] = field(default_factory=dict)
    _clock: StageClock | None = None

    @property
    def unplanned(self) -> float:
        """Seconds of the budget that have passed, and those that are kept in reserve."""
        return self.deadline.spent + RESERVE * self.deadline.seconds

    @property
    def slowdown(self) -> float:
        """How much slower than measured the run is; 1 or more."""
        return 1.0 if self._clock is None else self._clock.slowdown

    def has_time_for_cache(self, config: RunConfig, phase: Phase) -> bool:
        """Whether the cached views of a phase leave enough time for its training."""
        seconds = self.slowdown * cache_seconds(config, self.pace, self.pace.phases[phase.index])
        after, later = seconds_after(config, self.pace, phase)
        left = self.deadline.end - self.deadline.clock() - self.slowdown * after - later
        return seconds == 0 or seconds <= LARGEST_CACHE_SHARE * left

    def clock(
        self,
        config: RunConfig,
        phase: Phase,
        change: Callable[[dict[str, Any]], None],
        message: Callable[[str], None] = lambda _: None,
    ) -> StageClock:
        """Return the clock of a phase.

        Args:
            change: receives the changed settings when an epoch is cut, or epochs are put back.
            message: receives a line when epochs are put back.
        """
        section = phase.section(config)
        short = list(section.short_epochs)

        def shorten(epoch: int, steps: int) -> None:
            short.append((epoch, steps))
            change({f"{phase.name}.short_epochs": [list(pair) for pair in short]})

        def lengthen(epochs: int) -> None:
            message(
                f"budget    {phase.name}: {epochs} epochs instead of {section.epochs}, since the "
                "first was faster than planned"
            )
            change({f"{phase.name}.epochs": epochs})

        times = self.pace.phases[phase.index]
        after, later = seconds_after(config, self.pace, phase)
        self._clock = StageClock(
            self.deadline,
            section.epochs,
            after=after,
            step=step_seconds(config, times),
            epoch=epoch_seconds(config, self.pace, times),
            later=later,
            shorten=shorten,
            slowdown=self.slowdown,
            most=self._most_epochs(section, phase),
            lengthen=lengthen,
        )
        return self._clock

    def _most_epochs(self, section: PhaseConfig, phase: Phase) -> int:
        """Epochs that a phase may get back, with the same first epoch as if planned at once.

        The first epoch depends on their number only by a warm-up that is limited to a quarter of
        the phase (`lpt.training.engine.optim.schedule`), or shorter than that epoch.
        """
        is_same = 1 <= section.optim.warmup_epochs <= section.epochs / 4
        return self.asked.get(phase.name, 0) if is_same else 0


def clock_of(
    watch: BudgetWatch | None,
    context: TrainingContext,
    phase: Phase,
    change: Callable[[dict[str, Any]], None],
) -> Limit | None:
    """Return the clock of a phase of a run; None for a run without a budget.

    Args:
        change: as for `BudgetWatch.clock`.
    """
    if watch is None:
        return None
    clock = watch.clock(context.config, phase, change, context.reporter.message)
    return clock if context.group.size == 1 else SharedLimit(context.group, clock)


def report_cuts(watch: BudgetWatch | None, context: TrainingContext, phase: Phase) -> None:
    """Report how many epochs of a phase the clock has ended early, if any."""
    section = phase.section(context.config)
    if watch is not None and section.short_epochs:
        context.reporter.message(
            f"budget    {phase.name}: {len(section.short_epochs)} of "
            f"{plural(section.epochs, 'epoch')} ended early"
        )


def _kept_text(file: Path) -> str | None:
    """Return the file of a budget, checked; None without one."""
    if not file.is_file():
        return None
    kept = read_json(file, _KEPT, remedy="Remove it to resume the run without a budget.")
    return kept.model_dump_json()


class _Kept(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    seconds: Annotated[float, Field(gt=0, lt=1e9)]
    epochs: dict[str, Annotated[int, Field(ge=0, le=MAX_EPOCHS)]]


_KEPT = TypeAdapter(_Kept)


def keep_budget(run: Path, watch: BudgetWatch) -> None:
    """Write the budget of a run to its folder, where `resumed_watch` finds it."""
    kept = {"seconds": watch.deadline.seconds, "epochs": dict(watch.asked)}
    write_json(run / FILE, kept)


def resumed_watch(
    context: TrainingContext,
    phases: Sequence[Phase],
    make_stage: Callable[[Phase], Stage],
    run: Path,
    began: float,
) -> BudgetWatch | None:
    """Return the watch of a run that is resumed: over what earlier processes left of its budget.

    The configuration keeps the plan; only the speed is measured again.

    Args:
        began: when the run began, by `time.monotonic`, as if all its processes had followed each
            other without a break.
    Returns: None for a run without a budget.
    Raises: RunError if the file of the budget is damaged.
    """
    text: str | None = context.group.decided(partial(_kept_text, run / FILE))
    if text is None:
        return None
    kept = _KEPT.validate_json(text)
    left = max(0.0, kept.seconds - (time.monotonic() - began))
    pace = measure_pace(context, phases, make_stage, measuring_limit(left))
    context.reporter.message(
        f"budget    {human_time(left)} of {budget_text(kept.seconds)} left for the resumed run"
    )
    return BudgetWatch(Deadline(kept.seconds, began), pace, kept.epochs)


def plan_time(
    context: TrainingContext,
    phases: Sequence[Phase],
    make_stage: Callable[[Phase], Stage],
    seconds: float | None,
    began: float | None = None,
) -> tuple[BudgetWatch | None, Pace]:
    """Time a few steps, report the estimated duration, and cut the run to a budget.

    Args:
        make_stage: makes the stage of a phase, on the device.
        seconds: the budget; None only drops cached views that would not pay.
        began: when the budget began, by `time.monotonic`; None for now.
    Returns: the watch of the budget, None without one; and what was measured.
    Raises: ConfigError if even the shortest run would take longer.
    """
    start, watch, message = time.monotonic(), None, context.reporter.message
    began = context.group.decided(lambda: began)  # monotonic time is one for a machine only
    over = 0.0 if began is None else start - began
    if seconds is not None and over >= seconds:
        raise ParameterError(
            f"`budget` {budget_text(seconds)}: too short; opening data and backbone took "
            f"{human_time(over)}. Allow more time: minutes, not seconds."
        )
    pace = measure_pace(context, phases, make_stage, measuring_limit(seconds))
    measured = human_time(time.monotonic() - start)
    if seconds is not None:
        asked = {phase.name: phase.section(context.config).epochs for phase in phases}
        watch = BudgetWatch(Deadline(seconds, start if began is None else began), pace, asked)
        spent = human_time(watch.deadline.spent)
        message(
            f"budget    {budget_text(seconds)}, {spent} of it used so far; measuring the speed of "
            f"this machine took {measured}"
        )
    unplanned = 0.0 if watch is None else watch.unplanned

    def planned() -> tuple[str, list[str]]:
        config, cuts = fit_budget(context.config, pace, seconds, unplanned)
        return config.model_dump_json(), cuts

    text, cuts = context.group.decided(planned)
    config = RunConfig.model_validate_json(text)
    context.update(config)
    if cuts:
        message(("note      " if watch is None else "budget    ") + "; ".join(cuts))
    epochs = " + ".join(str(phase.section(config).epochs) for phase in phases)
    estimate = human_time(run_seconds(config, pace))
    message(f"estimate  {estimate} on this machine ({epochs} epochs)")
    return watch, pace
