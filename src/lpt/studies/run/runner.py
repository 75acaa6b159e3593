"""Trains the runs that a study lacks: first for learning-rate selection, then for the table."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from lpt.errors import ConfigError, ShapeError, TrainingError
from lpt.progress import Reporter, percent, plural
from lpt.studies.define.lr_grid import LearningRate
from lpt.studies.define.overrides import Overrides
from lpt.studies.plan.plan_runs import Line, StudyRun, plan_run
from lpt.studies.plan.run_store import RunPredictions, RunResult, RunStore
from lpt.studies.plan.study_data import StudyData
from lpt.studies.run.evaluate_run import feature_scores, observe, predict_tta, shifted_right
from lpt.studies.run.row_result import RowPlan, RowResult
from lpt.studies.run.run_estimates import RunEstimates
from lpt.studies.run.run_names import kind_of, title_of
from lpt.studies.run.study_progress import StudyProgress
from lpt.studies.run.train_run import TASK, Start, remove_checkpoints, train_run
from lpt.training.run.run_environment import environment

__all__ = ["StudyRunner"]

POLL_SECONDS = 1.0
"""Interval between checks for runs that another process is training."""

RUN_ERRORS = (TrainingError, ConfigError, ShapeError)
"""Errors of a single run; any other error stops the study."""


class StudyRunner:
    """A study in progress.

    Args:
        lines: rows of the table.
        study_data: data and backbones.
        store: results of runs.
        overrides: the user's changes.
        lrs: candidates for every method; a single one needs no selection.
        seeds: number of seeds; runs have the seeds 0 to N-1.
        retry: whether to train failed runs again.
    """

    def __init__(
        self,
        lines: Sequence[Line],
        study_data: StudyData,
        store: RunStore,
        overrides: Overrides,
        *,
        lrs: Sequence[LearningRate],
        seeds: int,
        retry: bool = False,
        reporter: Reporter,
    ) -> None:
        self.lines, self.study_data, self.store = lines, study_data, store
        self.overrides, self.lrs, self.seeds, self.retry = overrides, lrs, seeds, retry
        self.reporter = reporter
        self.selecting = len(lrs) > 1 and study_data.can_select
        if len(lrs) > 1 and not self.selecting:
            reporter.message(
                "note  no class has 10 training images, so learning rates cannot be selected: "
                "every method uses its own"
            )
        self.results: dict[str, RunResult] = {}
        self.chosen: dict[str, LearningRate | None] = {}
        self.progress = StudyProgress(reporter, self._count)

    def run(self, on_round: Callable[[list[RowResult]], object]) -> list[RowResult]:
        """Train all missing runs.

        Args:
            on_round: called with the results so far each time a seed is complete.
        Raises: LptError for any fault other than a failed training.
        """
        self._obtain([run for line in self.lines for run in self._candidates(line)])
        for line in self.lines:
            self.chosen[line.label] = self._choose(line)
        finals = [self._finals(line) for line in self.lines]
        rounds = [[runs[seed] for runs in finals if runs] for seed in range(self.seeds)]
        row_results: list[RowResult] = []
        complete = 0

        def report() -> None:
            nonlocal row_results, complete
            while complete < self.seeds and all(
                run.name in self.results for run in rounds[complete]
            ):
                complete += 1
                row_results = [self._row_result(line, complete) for line in self.lines]
                on_round(row_results)

        self._obtain([run for runs in rounds for run in runs], report)
        report()  # in case no row has a run
        return row_results

    def runs(self) -> list[StudyRun]:
        """Return every run that the table needs, once each.

        Learning rates that are not selected yet count as the method's own.
        """
        found: dict[str, StudyRun] = {}
        for run in self.row_runs():
            start = run.start
            if start is not None and (self._is_done(start) or not self._is_done(run)):
                found.setdefault(start.name, start)
            found.setdefault(run.name, run)
        return list(found.values())

    def row_runs(self) -> list[StudyRun]:
        """Return the runs of `runs` that rows count: not those of phase 1 that others continue."""
        runs = [r for line in self.lines for r in (*self._candidates(line), *self._finals(line))]
        return list({run.name: run for run in runs}.values())

    def planned(self) -> list[RowPlan]:
        """Return how many runs each row needs, how many are finished, and the time for the rest."""
        runs = self.runs()
        finished = {run.name: found for run in runs if (found := self._found(run)) is not None}
        estimates = RunEstimates(self.study_data, finished, runs, self.reporter)
        plans = []
        for line in self.lines:
            choosing = self._candidates(line)
            chosen = self._choose(line) if all(map(self._is_done, choosing)) else self._default_lr
            final = [] if chosen is None else self._at(line, chosen)
            done = [sum(map(self._is_done, runs)) for runs in (choosing, final)]
            left = [run for run in (*choosing, *final) if not self._is_done(run)]
            left += [run.start for run in left if run.start and not self._is_done(run.start)]
            counts = (len(choosing), done[0], len(final), done[1])
            plans.append(RowPlan(line.label, *counts, *estimates.total(left)))
        return plans

    def _obtain(self, runs: Sequence[StudyRun], after: Callable[[], object] = lambda: None) -> None:
        """Get the result of every run; train free ones, then wait for those of other processes.

        Args:
            after: called after each run.
        """
        left, waiting = list(runs), False
        while left:
            busy = []
            for run in left:
                if self._take(run):
                    after()
                else:
                    busy.append(run)
            if len(busy) < len(left):
                waiting = False
            else:
                if not waiting:
                    held = plural(len({run.name for run in busy}), "run")
                    self.reporter.message(f"waiting  {held} left, held by another process")
                waiting = True
                time.sleep(POLL_SECONDS)
            left = busy

    def _take(self, run: StudyRun) -> bool:
        """Get the result of a run, from the store or by training.

        Returns: False if another process is training it, or its phase 1.
        """
        name = run.name
        if name in self.results:
            return True
        with self.store.claimed(name) as ours:
            found = self.store.result(name)
            if found is not None and not (found.failed and self.retry):
                if ours:
                    remove_checkpoints(self.store.path(name))
                self.results[name] = found
                return True
            if not ours or (run.start is not None and not self._take(run.start)):
                return False
            self.results[name] = self._train(run)
        return True

    @property
    def _default_lr(self) -> LearningRate:
        return self.lrs[0] if len(self.lrs) == 1 else LearningRate(1.0)

    def _found(self, run: StudyRun) -> RunResult | None:
        return self.results.get(run.name) or self.store.result(run.name)

    def _is_done(self, run: StudyRun) -> bool:
        return run.name in self.results or self.store.is_finished(run.name)

    def _count(self) -> tuple[int, list[str]]:
        runs = self.runs()
        left = [kind_of(run) for run in runs if not self._is_done(run)]
        return len(runs) - len(left), left

    def _finals(self, line: Line) -> list[StudyRun]:
        """One run per seed; empty if no learning rate could be trained."""
        lr = self.chosen.get(line.label, self._default_lr)
        return [] if lr is None else self._at(line, lr)

    def _at(self, line: Line, lr: LearningRate) -> list[StudyRun]:
        return [
            plan_run(line, self.overrides, self.study_data, lr=lr, seed=seed, part="final")
            for seed in range(self.seeds)
        ]

    def _row_result(self, line: Line, seeds: int) -> RowResult:
        lr = self.chosen[line.label]
        runs = tuple(self._finals(line)[:seeds])
        failed = [self.results[r.name].failed for r in runs or self._candidates(line)]
        why = next(filter(None, failed), "")
        tried = dict(zip(map(str, self.lrs), self._selection(line), strict=False))
        return RowResult(line, lr, runs, tried, self._at_edge(line), why)

    def _selection(self, line: Line) -> list[float | None]:
        """Macro accuracy of each candidate; None if it failed or is not finished."""
        runs = self._candidates(line)
        found = list(map(self._found, runs))
        return [result.scores.get("macro") if result else None for result in found]

    def _at_edge(self, line: Line) -> bool:
        lr, values = self.chosen[line.label], [candidate.value for candidate in self.lrs]
        if lr is None or len(values) < 3 or not self._candidates(line):
            return False
        return lr.value in (min(values), max(values))

    def _candidates(self, line: Line) -> list[StudyRun]:
        if not self.selecting or line.row.method == "plain":
            return []
        return [
            plan_run(line, self.overrides, self.study_data, lr=lr, seed=0, part="selection")
            for lr in self.lrs
        ]

    def _choose(self, line: Line) -> LearningRate | None:
        """The candidate with the best macro accuracy on the selection images; ties: the first."""
        if not self._candidates(line):
            return self._default_lr
        scores = enumerate(self._selection(line))
        ranked = [(score, -i) for i, score in scores if score is not None]
        return self.lrs[-max(ranked)[1]] if ranked else None

    def _train(self, run: StudyRun) -> RunResult:
        start = None
        if run.start is not None:
            first = self.results[run.start.name]
            task_file = self.store.path(run.start.name) / TASK
            if first.failed:
                return self._finish(run, RunResult(run.facts, f"phase 1: {first.failed}"))
            if task_file.is_file():
                start = Start(task_file, first.seconds, first.peak_memory_bytes)
        began = time.monotonic()
        reporter = self.progress.begin(title_of(run))
        folder = self.store.begin(run.name, run.facts)
        predictions = None
        try:
            result, predictions = self._measure(run, reporter, folder, start)
        except RUN_ERRORS as error:
            result = RunResult(run.facts, str(error), environment=environment())
        return self._finish(run, result, predictions, time.monotonic() - began)

    def _finish(
        self,
        run: StudyRun,
        result: RunResult,
        predictions: RunPredictions | None = None,
        seconds: float = 0.0,
    ) -> RunResult:
        self.store.finish(run.name, result, predictions)
        remove_checkpoints(self.store.path(run.name))
        scores = (f"{name} {percent(result.scores.get(name))}" for name in ("overall", "macro"))
        outcome = f"failed: {result.failed.splitlines()[0]}" if result.failed else ", ".join(scores)
        self.progress.finished(kind_of(run), seconds, outcome)
        return result

    def _measure(
        self, run: StudyRun, reporter: Reporter, folder: Path, start: Start | None
    ) -> tuple[RunResult, RunPredictions]:
        context = self.study_data.context(run.config, run.part, reporter)
        model = train_run(run, context, folder, start)
        split = self.study_data.scored(run.part)
        seen = observe(context, model.predict, split, "scored images")
        final = run.part == "final"
        shifted = {
            one.images.name: shifted_right(context, model.predict, one)
            for one in (self.study_data.shifted if final else ())
        }
        tta = predict_tta(context, model.predict, split) if run.tta else None
        return RunResult(
            facts=run.facts,
            scores=context.score(seen.predictions).summary(),
            tta={} if tta is None else context.score(tta).summary(),
            features=feature_scores(context, model.predict, seen) if final else {},
            shifted={name: float(right.mean()) for name, right in shifted.items()},
            parameters=model.parameters,
            seconds=model.seconds,
            peak_memory_bytes=model.peak_memory,
            epochs=run.epochs,
            environment=environment() | context.arithmetic,
        ), RunPredictions(
            seen.predictions.logits.argmax(1),
            seen.predictions.labels,
            None if tta is None else tta.logits.argmax(1),
            shifted,
        )
