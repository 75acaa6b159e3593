"""The time of a run: estimated and planned before it begins, and watched afterwards."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lpt.config import RunConfig
from lpt.errors import ParameterError
from lpt.progress import human_time
from lpt.training.budget import fit_budget
from lpt.training.deadline import Deadline, StageClock
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
from lpt.training.run.training_context import TrainingContext

__all__ = ["BudgetWatch", "plan_time"]

RESERVE = 0.05
"""Fraction of a budget that is not planned for: files, and steps that turn out slower."""

LARGEST_CACHE_SHARE = 0.6
"""Of the time that a phase has; a cache that takes longer leaves too little for training."""


@dataclass
class BudgetWatch:
    """The deadline of a run, what was measured before it began, and the slowdown seen since.

    Attributes:
        deadline: of the run.
        pace: the measured times.
    """

    deadline: Deadline
    pace: Pace
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
        self, config: RunConfig, phase: Phase, change: Callable[[dict[str, Any]], None]
    ) -> StageClock:
        """Return the clock of a phase.

        Args:
            change: receives the changed settings when an epoch is cut.
        """
        short = list(phase.section(config).short_epochs)

        def shorten(epoch: int, steps: int) -> None:
            short.append((epoch, steps))
            change({f"{phase.name}.short_epochs": [list(pair) for pair in short]})

        times = self.pace.phases[phase.index]
        after, later = seconds_after(config, self.pace, phase)
        self._clock = StageClock(
            self.deadline,
            phase.section(config).epochs,
            after=after,
            step=step_seconds(config, times),
            epoch=epoch_seconds(config, self.pace, times),
            later=later,
            shorten=shorten,
            slowdown=self.slowdown,
        )
        return self._clock


def plan_time(
    context: TrainingContext,
    phases: Sequence[Phase],
    make_stage: Callable[[Phase], Stage],
    seconds: float | None,
    began: float | None = None,
) -> BudgetWatch | None:
    """Time a few steps, report the estimated duration, and cut the run to a budget.

    Args:
        make_stage: makes the stage of a phase, on the device.
        seconds: the budget; None only drops cached views that would not pay.
        began: when the budget began, by `time.monotonic`; None for now.
    Returns: the watch of the budget; None without one.
    Raises: ConfigError if even the shortest run would take longer.
    """
    start, watch, message = time.monotonic(), None, context.reporter.message
    over = 0.0 if began is None else start - began
    if seconds is not None and over >= seconds:
        raise ParameterError(
            f"`budget` {human_time(seconds)}: too short; opening data and backbone took "
            f"{human_time(over)}. Allow more time: minutes, not seconds."
        )
    pace = measure_pace(context, phases, make_stage, measuring_limit(seconds))
    measured = human_time(time.monotonic() - start)
    if seconds is not None:
        watch = BudgetWatch(Deadline(seconds, start if began is None else began), pace)
        spent = human_time(watch.deadline.spent)
        message(
            f"budget    {human_time(seconds)}, {spent} of it used so far; measuring the speed of "
            f"this machine took {measured}"
        )
    unplanned = 0.0 if watch is None else watch.unplanned
    config, cuts = fit_budget(context.config, pace, seconds, unplanned)
    context.update(config)
    if cuts:
        message(("note      " if watch is None else "budget    ") + "; ".join(cuts))
    epochs = " + ".join(str(phase.section(config).epochs) for phase in phases)
    estimate = human_time(run_seconds(config, pace))
    message(f"estimate  {estimate} on this machine ({epochs} epochs)")
    return watch
