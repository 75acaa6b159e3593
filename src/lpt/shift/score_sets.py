"""Score a task on its own test images and on sets from other sources, with the drop."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lpt.data.images.corruptions import CORRUPTIONS, SEVERITIES, Corruption
from lpt.data.images.transforms import Transform
from lpt.data.manifest import Split
from lpt.data.sources.data_string import same_data
from lpt.data.sources.shifted_sets import ShiftedSet
from lpt.evaluation import Metrics, evaluate, metrics_json
from lpt.evaluation.metric_files import write_metrics
from lpt.progress import Reporter, SilentReporter
from lpt.records import Predictions
from lpt.shift.open_sets import TestData, open_sets
from lpt.shift.own_data import own_data, test_of_run
from lpt.shift.score_cache import ScoreCache
from lpt.shift.set_notes import kept_note, named_notes
from lpt.shift.trained_images import moved_training_images, trained_on
from lpt.task import Task
from lpt.task.class_prior import PriorInput, PriorRule
from lpt.task.task_digest import task_digest
from lpt.training.run.run_data import source_of_run

__all__ = ["SetScore", "score_sets"]

OWN = "test"
"""Name of the run's own test images."""

CORRUPTED = "corrupted"

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SetScore:
    """The score of a task on one test set.

    Attributes:
        name: name of the set in tables and files.
        metrics: over the F classes of the set, predicted among these; a class that covers several
            of the task's C classes counts their training images together.
        among_all: accuracy if the class is predicted among all C classes, in [0, 1].
        source: accuracy on the source's test images of these F classes, predicted among these;
            None if it is not known.
        family, kind, severity: of a corruption. Tables average the sets of a family.
        trained: number of its images that the task was trained on; None if it is not known.
    """

    name: str
    metrics: Metrics
    among_all: float
    source: float | None = None
    family: str = ""
    kind: str = ""
    severity: int = 0
    trained: int | None = None

    @property
    def drop(self) -> float | None:
        """Accuracy on the source minus accuracy on this set; None if the source is not known."""
        return None if self.source is None else self.source - self.metrics.overall

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        return {
            **metrics_json(self.metrics),
            "among_all_classes": self.among_all,
            "source": self.source,
            "drop": self.drop,
            "trained_images": self.trained,
        }


def score_sets(
    run: str | Path | None,
    task: Task,
    sources: Mapping[str, TestData] | None = None,
    *,
    with_source: bool = True,
    corruptions: bool = False,
    folder: Path | None = None,
    batch_size: int = 64,
    workers: int = 0,
    reporter: Reporter | None = None,
    keep: bool = False,
    again: bool = False,
    prior: PriorInput | None = None,
    opened: Mapping[str, tuple[ShiftedSet, ...]] | None = None,
) -> list[SetScore]:
    """Score a task on its own test images, and on other data next to them.

    Args:
        run: run folder or task file. A run folder names the run's own data; None if there is none.
        sources: test data by name. The run's own source stands for its test images.
        with_source: whether to score the own test images also when only other data is named.
        corruptions: also score the own test images under each corruption and severity.
        folder: folder for a JSON and a CSV file per set; None writes nothing.
        batch_size: images per forward pass.
        workers: processes that load images.
        reporter: receives progress.
        keep: keep predictions in RUN/evaluation/scored, and use those kept before while neither the
            images nor the task have changed.
        again: predict again all the same.
        prior: class frequencies that the images are predicted under
            (`lpt.task.class_prior.task_prior`), or "estimate" for those estimated from each set's
            images without their labels; None for the task's own.
        opened: sets that are opened already, by name in `sources`.
    Returns: the score on the own test images first (left out if they cannot be opened), then the
        others in their order.
    Raises: RunError if the own data is needed but not known, or has changed since training (its
        test images could be training images); DataError for data that cannot be opened.
    """
    progress, named, ready = reporter or SilentReporter(), dict(sources or {}), opened or {}
    own_source = None if run is None else source_of_run(run)
    own_name = next((name for name, data in named.items() if _is_same(data, own_source)), None)
    sets = {
        name: ready.get(name) or open_sets(name, data, task.class_names)
        for name, data in named.items()
        if name != own_name
    }
    needed = corruptions or not sets or own_name is not None
    given = own_name is not None
    own = own_data(run, task, progress, needed=needed, tell=with_source, given=given)
    has_own = own is not None and (needed or (with_source and "test" in own.splits))
    test = None if own is None or not has_own else test_of_run(run, own)
    own_name = own_name or next(name for name in (OWN, "source", "own") if name not in sets)
    cache = _cache(run, task) if keep else None
    rule = PriorRule(task.spec, prior)
    scorer = _Scorer(task, test, folder, batch_size, workers, progress, rule, cache, again)
    scores = [] if test is None else [scorer.own(own_name)]
    for name, members in sets.items():
        for note in named_notes(name, members):
            progress.message(note)
        family = name if len(members) > 1 else ""
        train = None if own is None else own.splits.get("train")
        if train is None and run is not None:
            train = _moved(run, named[name], task)
        scores += [
            replace(scorer.shifted(one, family), trained=_trained(train, one)) for one in members
        ]
    if corruptions:
        for kind in CORRUPTIONS:
            scores += [scorer.corrupted(Corruption(kind, severity)) for severity in SEVERITIES]
    if scorer.kept:
        progress.message(kept_note(scorer.kept, len(scores)))
    return scores


@dataclass
class _Scorer:
    """Runs the task over one set after the other; keeps its predictions for the own images."""

    task: Task
    split: Split | None
    folder: Path | None
    batch_size: int
    workers: int
    reporter: Reporter
    rule: PriorRule
    cache: ScoreCache | None = None
    again: bool = False
    found: Predictions | None = None
    kept: list[str] = field(default_factory=list)

    @property
    def counts(self) -> Counts:
        return np.asarray(self.task.spec.class_counts)

    def own(self, name: str) -> SetScore:
        assert self.split is not None
        self.found = self._run(name, self.split)
        metrics = self._metrics(name, self.found, self.counts, self.task.class_names)
        return SetScore(name, metrics, metrics.overall)

    def shifted(self, opened: ShiftedSet, family: str) -> SetScore:
        view = self.task.transform_with(border=opened.border) if opened.border else None
        found = self._run(opened.name, opened.split, view, f"border {opened.border}")
        counts = np.array([self.counts[list(own)].sum() for own in opened.members])
        restricted = Predictions(opened.restrict(found.logits), found.labels)
        metrics = self._metrics(opened.name, restricted, counts, opened.names)
        places = _places(opened, len(self.counts))
        return SetScore(
            opened.name,
            metrics,
            float((places[found.logits.argmax(1)] == found.labels).mean()),
            self._source(opened),
            family,
            opened.kind if family else "",
            opened.severity if family else 0,
        )

    def corrupted(self, corruption: Corruption) -> SetScore:
        assert self.split is not None
        kind, severity = corruption.kind, corruption.severity
        name = f"{CORRUPTED} {kind}-{severity}"
        view = self.task.transform_with(corruption=corruption)
        found = self._run(name, self.split, view, f"{kind} {severity}")
        metrics = self._metrics(name, found, self.counts, self.task.class_names)
        source = _accuracy(self.found)
        return SetScore(name, metrics, metrics.overall, source, CORRUPTED, kind, severity)

    def _run(
        self, name: str, split: Split, view: Transform | None = None, transform: str = "border 0"
    ) -> Predictions:
        """Predict a set, under the class frequencies asked for; kept predictions are without."""
        found, estimate = self.rule.apply(self._found(name, split, view, transform))
        if estimate is not None:
            self.reporter.message(f"prior     {name}: {self.rule.describe(estimate)}")
        return found

    def _found(
        self, name: str, split: Split, view: Transform | None, transform: str
    ) -> Predictions:
        file = None if self.cache is None else self.cache.path(split, transform)
        if self.cache is None or file is None:
            return self._predict(name, split, view)
        found = None if self.again else self.cache.find(file, split, len(self.counts))
        if found is not None:
            self.kept.append(name)
            return found
        found = self._predict(name, split, view)
        self.cache.keep(file, found)
        return found

    def _predict(self, name: str, split: Split, view: Transform | None) -> Predictions:
        self.reporter.begin(name, len(split), unit="images")
        try:
            return self.task.run(
                split,
                transform=view,
                batch_size=self.batch_size,
                workers=self.workers,
                on_batch=self.reporter.advance,
            )
        finally:
            self.reporter.end()

    def _metrics(
        self, name: str, found: Predictions, counts: Counts, names: Sequence[str]
    ) -> Metrics:
        metrics = evaluate(found, counts, self.task.groups, names)
        if self.folder is not None:
            write_metrics(self.folder, name, metrics)
        return metrics

    def _source(self, opened: ShiftedSet) -> float | None:
        """Accuracy on the own test images of the set's classes, predicted among these."""
        if self.found is None:
            has_all_classes = len(opened.names) == len(self.counts)
            return self.task.spec.source_accuracy if has_all_classes else None
        places = _places(opened, len(self.counts))
        kept = np.flatnonzero(places[self.found.labels] >= 0)
        if not len(kept):
            return None
        logits = opened.restrict(self.found.logits[kept])
        return _accuracy(Predictions(logits, places[self.found.labels[kept]]))


def _places(opened: ShiftedSet, classes: int) -> Counts:
    """Map each of the task's classes to its index in the set, -1 if it has none: (C,)."""
    places = np.full(classes, -1, dtype=np.int64)
    for index, own in enumerate(opened.members):
        places[list(own)] = index
    return places


def _accuracy(found: Predictions | None) -> float | None:
    if found is None:
        return None
    return float((found.logits.argmax(axis=1) == found.labels).mean())


def _is_same(data: TestData, source: str | None) -> bool:
    if source is None or not isinstance(data, str | os.PathLike):
        return False
    return same_data(os.fspath(data), source)


def _moved(run: str | Path, data: TestData, task: Task) -> Split | None:
    if isinstance(data, str | os.PathLike):
        return moved_training_images(Path(run), os.fspath(data), task.class_names)
    return None


def _trained(train: Split | None, opened: ShiftedSet) -> int | None:
    return None if train is None else int(trained_on(train, opened.split).sum())


def _cache(run: str | Path | None, task: Task) -> ScoreCache | None:
    if run is None or not Path(run).is_dir():
        return None
    return ScoreCache(Path(run) / "evaluation" / "scored", task_digest(run), task.arithmetic)
