"""Trains the cells of a study that are not there yet: first to choose rates, then for the table."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from lpt.errors import ConfigError, ShapeError, TrainingError
from lpt.progress import Reporter, percent
from lpt.studies.define.lr_grid import LearningRate
from lpt.studies.define.overrides import Conditions
from lpt.studies.plan.plan_runs import Cell, Line, plan_cell
from lpt.studies.plan.run_store import Answers, CellResult, CellStore
from lpt.studies.plan.study_data import Material
from lpt.studies.run.evaluate_run import feature_scores, observe, over_five_crops, shifted_right
from lpt.studies.run.row_result import Outcome, Planned
from lpt.studies.run.study_progress import StudyProgress
from lpt.studies.run.train_run import TASK, Start, clean, train_cell
from lpt.training.run.run_folder import environment

__all__ = ["StudyRun"]

POLL_SECONDS = 1.0
"""Between two looks at cells that another process trains."""

CELL_ERRORS = (TrainingError, ConfigError, ShapeError)
"""Errors that belong to one cell; any other stops the study."""


class StudyRun:
    """A study in progress.

    Args:
        lines: rows of the table.
        material: data and backbones.
        store: where cells are kept.
        conditions: what the user changed.
        rates: candidates for every method; one leaves nothing to choose.
        seeds: how many; cells have the seeds 0 to N-1.
        retry: whether cells that failed earlier are trained again.
    """

    def __init__(
        self,
        lines: Sequence[Line],
        material: Material,
        store: CellStore,
        conditions: Conditions,
        *,
        lrs: Sequence[LearningRate],
        seeds: int,
        retry: bool = False,
        reporter: Reporter,
    ) -> None:
        self.lines, self.material, self.store = lines, material, store
        self.conditions, self.lrs, self.seeds, self.retry = conditions, lrs, seeds, retry
        self.reporter = reporter
        self.selecting = len(lrs) > 1 and material.can_select
        if len(lrs) > 1 and not self.selecting:
            reporter.message(
                "note  no class has 10 training images, so there is nothing to choose rates on: "
                "every method takes its own"
            )
        self.results: dict[str, CellResult] = {}
        self.chosen: dict[str, LearningRate | None] = {}
        self.progress = StudyProgress(reporter, self._count)

    def run(self, on_round: Callable[[list[Outcome]], object]) -> list[Outcome]:
        """Train what is missing; `on_round` is told the table so far after every seed.

        Raises: LptError if something other than a cell's own training is wrong.
        """
        self._have([cell for line in self.lines for cell in self._candidates(line)])
        for line in self.lines:
            self.chosen[line.label] = self._choose(line)
        finals = [self._finals(line) for line in self.lines]
        rounds = [[cells[seed] for cells in finals if cells] for seed in range(self.seeds)]
        outcomes: list[Outcome] = []
        told = 0

        def tell() -> None:
            nonlocal outcomes, told
            while told < self.seeds and all(cell.name in self.results for cell in rounds[told]):
                told += 1
                outcomes = [self._outcome(line, told) for line in self.lines]
                on_round(outcomes)

        self._have([cell for cells in rounds for cell in cells], tell)
        tell()  # where no row has a cell, none has told
        return outcomes

    def _have(self, cells: Sequence[Cell], after: Callable[[], object] = lambda: None) -> None:
        """Get every cell's result: train what nobody trains, then wait for what others train.

        Args:
            after: called behind every cell.
        """
        left, waiting = list(cells), False
        while left:
            busy = []
            for cell in left:
                if self._take(cell):
                    after()
                else:
                    busy.append(cell)
            if len(busy) < len(left):
                waiting = False
            else:
                if not waiting:
                    count = len({cell.name for cell in busy})
                    self.reporter.message(f"waiting  {count} cells left, held by another process")
                waiting = True
                time.sleep(POLL_SECONDS)
            left = busy

    def _take(self, cell: Cell) -> bool:
        """Get a cell's result, from before or by training it now.

        Returns: False if another process is training it, or phase 1 for it.
        """
        name = cell.name
        if name in self.results:
            return True
        with self.store.claimed(name) as ours:
            found = self.store.result(name)
            if found is not None and not (found.failed and self.retry):
                if ours:
                    clean(self.store.path(name))
                self.results[name] = found
                return True
            if not ours or (cell.start is not None and not self._take(cell.start)):
                return False
            self.results[name] = self._train(cell)
        return True

    def cells(self) -> list[Cell]:
        """Every cell that the table needs, each once; rates not chosen yet count as the own."""
        found: dict[str, Cell] = {}
        for line in self.lines:
            for cell in (*self._candidates(line), *self._finals(line)):
                start = cell.start
                if start is not None and (self._is_done(start) or not self._is_done(cell)):
                    found.setdefault(start.name, start)
                found.setdefault(cell.name, cell)
        return list(found.values())

    def planned(self) -> list[Planned]:
        """What each row needs, and what of it is there."""
        found = []
        for line in self.lines:
            choosing = self._candidates(line)
            chosen = self._choose(line) if all(map(self._is_done, choosing)) else self._default_lr
            final = [] if chosen is None else self._at(line, chosen)
            done = [sum(map(self._is_done, cells)) for cells in (choosing, final)]
            found.append(Planned(line.label, len(choosing), done[0], len(final), done[1]))
        return found

    @property
    def _default_lr(self) -> LearningRate:
        return self.lrs[0] if len(self.lrs) == 1 else LearningRate(1.0)

    def _is_done(self, cell: Cell) -> bool:
        return cell.name in self.results or self.store.is_finished(cell.name)

    def _count(self) -> tuple[int, list[str]]:
        cells = self.cells()
        left = [_kind(cell) for cell in cells if not self._is_done(cell)]
        return len(cells) - len(left), left

    def _finals(self, line: Line) -> list[Cell]:
        """A cell for each seed; none if no rate could be trained."""
        lr = self.chosen.get(line.label, self._default_lr)
        return [] if lr is None else self._at(line, lr)

    def _at(self, line: Line, lr: LearningRate) -> list[Cell]:
        return [self._plan(line, lr, seed) for seed in range(self.seeds)]

    def _outcome(self, line: Line, seeds: int) -> Outcome:
        lr = self.chosen[line.label]
        cells = tuple(self._finals(line)[:seeds])
        failed = [self.results[c.name].failed for c in cells or self._candidates(line)]
        why = next(filter(None, failed), "")
        tried = dict(zip(map(str, self.lrs), self._selection(line), strict=False))
        return Outcome(line, lr, cells, tried, self._at_edge(line), why)

    def _selection(self, line: Line) -> list[float | None]:
        """Macro accuracy of each candidate; None of one that failed or is not finished."""
        cells = self._candidates(line)
        found = [self.results.get(cell.name) or self.store.result(cell.name) for cell in cells]
        return [result.scores.get("macro") if result else None for result in found]

    def _at_edge(self, line: Line) -> bool:
        lr, values = self.chosen[line.label], [candidate.value for candidate in self.lrs]
        if lr is None or len(values) < 3 or not self._candidates(line):
            return False
        return lr.value in (min(values), max(values))

    def _plan(self, line: Line, lr: LearningRate, seed: int) -> Cell:
        return plan_cell(line, self.conditions, self.material, lr=lr, seed=seed, part="final")

    def _candidates(self, line: Line) -> list[Cell]:
        if not self.selecting or line.row.method == "plain":
            return []
        return [
            plan_cell(line, self.conditions, self.material, lr=lr, seed=0, part="selection")
            for lr in self.lrs
        ]

    def _choose(self, line: Line) -> LearningRate | None:
        """The rate with the best macro accuracy on the selection images; of equals the first."""
        if not self._candidates(line):
            return self._default_lr
        scores = enumerate(self._selection(line))
        ranked = [(score, -i) for i, score in scores if score is not None]
        return self.lrs[-max(ranked)[1]] if ranked else None

    def _train(self, cell: Cell) -> CellResult:
        start = None
        if cell.start is not None:
            first = self.results[cell.start.name]
            task_file = self.store.path(cell.start.name) / TASK
            if first.failed:
                return self._finish(cell, CellResult(cell.content, f"phase 1: {first.failed}"))
            if task_file.is_file():
                start = Start(task_file, first.seconds, first.peak_memory_bytes)
        began = time.monotonic()
        told = self.progress.begin(_title(cell))
        folder = self.store.begin(cell.name, cell.content)
        answers = None
        try:
            result, answers = self._measure(cell, told, folder, start)
        except CELL_ERRORS as error:
            result = CellResult(cell.content, str(error), environment=environment())
        return self._finish(cell, result, answers, time.monotonic() - began)

    def _finish(
        self,
        cell: Cell,
        result: CellResult,
        answers: Answers | None = None,
        seconds: float = 0.0,
    ) -> CellResult:
        self.store.finish(cell.name, result, answers)
        clean(self.store.path(cell.name))
        shown = (f"{name} {percent(result.scores.get(name))}" for name in ("overall", "macro"))
        outcome = f"failed: {result.failed.splitlines()[0]}" if result.failed else ", ".join(shown)
        self.progress.finished(_kind(cell), seconds, outcome)
        return result

    def _measure(
        self, cell: Cell, told: Reporter, folder: Path, start: Start | None
    ) -> tuple[CellResult, Answers]:
        context = self.material.context(cell.config, cell.part, told)
        learned = train_cell(cell, context, folder, start)
        split = self.material.scored(cell.part)
        seen = observe(context, learned.predict, split, "scored images")
        final = cell.part == "final"
        shifted = {
            one.images.name: shifted_right(context, learned.predict, one)
            for one in (self.material.shifted if final else ())
        }
        five = over_five_crops(context, learned.predict, split) if cell.ensemble else None
        return CellResult(
            content=cell.content,
            scores=context.score(seen.predictions).summary(),
            ensembled={} if five is None else context.score(five).summary(),
            features=feature_scores(context, learned.predict, seen) if final else {},
            shifted={name: float(right.mean()) for name, right in shifted.items()},
            parameters=learned.parameters,
            seconds=learned.seconds,
            peak_memory_bytes=learned.peak_memory_bytes,
            epochs=cell.epochs,
            environment=environment() | context.arithmetic,
        ), Answers(
            seen.predictions.logits.argmax(1),
            seen.predictions.labels,
            None if five is None else five.logits.argmax(1),
            shifted,
        )


def _kind(cell: Cell) -> str:
    phase1 = cell.baseline is None and cell.start is None
    return f"{cell.line.row.method} {cell.line.backbone} {cell.part} {phase1} {cell.epochs}"


def _title(cell: Cell) -> str:
    alone = cell.line.row.method == "lpt" and cell.start is None and cell.config.phase1.epochs
    what = f"{cell.line.label} (phase 1)" if alone else cell.line.label
    where = ", choosing the rate" if cell.part == "selection" else f", seed {cell.config.seed}"
    return what + where
