"""How long the missing runs of a study will take: from finished runs, else from a few steps."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from lpt.data.sampling import steps_per_epoch
from lpt.errors import LptError
from lpt.progress import Reporter, SilentReporter
from lpt.studies.plan.plan_runs import StudyRun
from lpt.studies.plan.run_store import RunResult
from lpt.studies.plan.study_data import StudyData
from lpt.studies.run.run_names import kind_of
from lpt.training.estimate import Pace, run_seconds
from lpt.training.pace import measure_pace
from lpt.training.run.run_folder import RunFolder
from lpt.training.trainer import Trainer

__all__ = ["RunEstimates"]

BATCH, BATCH_2 = "phase1.batch_size", "phase2.batch_size"
_Timed = tuple[Pace, dict[str, int]]
"""Times of the phases, and the batch sizes that they were measured with."""


class RunEstimates:
    """Estimates the seconds of runs on this machine.

    Args:
        study_data: data and backbones.
        finished: finished runs with their results, by the name of the run.
        runs: all runs of the study.
        reporter: is told of measurements, which take up to a minute each.
    """

    def __init__(
        self,
        study_data: StudyData,
        finished: Mapping[str, RunResult],
        runs: Sequence[StudyRun],
        reporter: Reporter,
    ) -> None:
        self.study_data, self.reporter = study_data, reporter
        took: dict[str, list[float]] = {}
        for run in runs:
            result = finished.get(run.name)
            if result is not None and not result.failed:
                before = finished.get(run.start.name) if run.start is not None else None
                seconds = result.seconds - (0.0 if before is None else before.seconds)
                took.setdefault(kind_of(run), []).append(max(0.0, seconds))
        self._took = {kind: fmean(times) for kind, times in took.items()}
        self._paces: dict[tuple[str, int, int], _Timed | None] = {}
        self._counted: set[str] = set()

    def total(self, runs: Sequence[StudyRun]) -> tuple[float | None, bool]:
        """Estimate several runs; those that were estimated before count as nothing.

        Returns: seconds, None if one of them cannot be measured; and whether some come from a few
            timed steps instead of finished runs.
        """
        new = {run.name: run for run in runs if run.name not in self._counted}
        self._counted |= new.keys()
        times = [self.seconds(run) for run in new.values()]
        known = [seconds for seconds, _ in times if seconds is not None]
        return (
            sum(known) if len(known) == len(times) else None,
            any(measured for _, measured in times),
        )

    def seconds(self, run: StudyRun) -> tuple[float | None, bool]:
        """Estimate a run, without the run of phase 1 that it starts from.

        Returns: seconds, None if they cannot be measured; and whether they come from a few timed
            steps instead of finished runs.
        """
        known = self._took.get(kind_of(run))
        return (known, False) if known is not None else (self._measured(run), True)

    def _measured(self, run: StudyRun) -> float | None:
        timed = self._pace(run)
        if timed is None:
            return None
        pace, batches = timed
        counts = self.study_data.trained(run.part).counts("train")
        pace = replace(pace, class_counts=tuple(counts.tolist()))
        first = pace.phases[0]
        scoring = len(self.study_data.scored(run.part)) * first.image
        if run.line.row.method == "plain":
            return scoring + pace.train_images * first.image
        if run.baseline is None:
            skipped = {"phase1.epochs": 0} if run.start is not None else {}
            return run_seconds(run.config.changed({**batches, **skipped}), pace) + scoring
        # A step of a baseline counts as one of phase 1 with as many images.
        batch = run.baseline.batch_size
        steps = sum(run.epochs) * steps_per_epoch(pace.train_images, batch)
        return steps * batch * first.step / batches[BATCH] + scoring

    def _pace(self, run: StudyRun) -> _Timed | None:
        """Times of the run's backbone and batch sizes, on whatever part of the data.

        Any batch size will do for a run that names none: a baseline, or one that is chosen by the
        size of the data.
        """
        name, sizes = run.line.backbone, (0, 0)
        if run.baseline is None and run.line.row.method != "plain":
            sizes = run.config.phase1.batch_size, run.config.phase2.batch_size
        for (known, *timed), pace in self._paces.items():
            if known == name and all(a in (0, b) for a, b in zip(sizes, timed, strict=True)):
                return pace
        with_sizes = f", {sizes[0]} and {sizes[1]} images each" if all(sizes) else ""
        self.reporter.message(f"measure {name}: a few steps of each phase{with_sizes}")
        return self._paces.setdefault((name, *sizes), self._time(run))

    def _time(self, run: StudyRun) -> _Timed | None:
        try:
            context = self.study_data.context(run.config, run.part, SilentReporter())
            with tempfile.TemporaryDirectory() as folder:
                trainer = Trainer(context, RunFolder(Path(folder) / "run"))
                pace = measure_pace(context, trainer.phases, trainer.stage)
            config = trainer.config
            return pace, {BATCH: config.phase1.batch_size, BATCH_2: config.phase2.batch_size}
        except LptError as error:
            self.reporter.message(f"note    cannot be measured: {error}")
            return None
