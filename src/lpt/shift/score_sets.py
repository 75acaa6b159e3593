"""A task on its own test images and on sets of other sources: accuracy, and what it loses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lpt.data.images.corruptions import CORRUPTIONS, SEVERITIES, Corruption
from lpt.data.images.transforms import Transform
from lpt.data.manifest import Split
from lpt.data.sources.data_string import same_data
from lpt.data.sources.shifted_sets import ShiftedSet, open_shifted
from lpt.errors import DataError, RunError
from lpt.evaluation import Metrics, evaluate, metrics_json
from lpt.evaluation.metric_files import write_metrics
from lpt.progress import Reporter, SilentReporter
from lpt.records import Predictions
from lpt.task import Task
from lpt.training.run.run_data import data_of_run
from lpt.training.run.run_folder import RunFolder

__all__ = ["SetScore", "score_sets"]

OWN = "test"
"""What the run's own test images are called."""

CORRUPTED = "corrupted"

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SetScore:
    """A task on one test set.

    Attributes:
        name: what tables and files call the set.
        metrics: over the F classes of the set, the answer chosen among these; a class that covers
            several of the task's C classes counts their training images together.
        among_all: share right if the answer is chosen among all C classes.
        source: share right on the source's test images of these F classes, chosen among these;
            None where the source is not known.
        family, kind, severity: of a corruption; sets of a family are averaged in tables.
    """

    name: str
    metrics: Metrics
    among_all: float
    source: float | None = None
    family: str = ""
    kind: str = ""
    severity: int = 0

    @property
    def drop(self) -> float | None:
        """How much lower the accuracy is than on the source."""
        return None if self.source is None else self.source - self.metrics.overall

    def to_json(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        return {
            **metrics_json(self.metrics),
            "among_all_classes": self.among_all,
            "source": self.source,
            "drop": self.drop,
        }


def score_sets(
    run: str | Path,
    task: Task,
    sources: Mapping[str, str] | None = None,
    *,
    corruptions: bool = False,
    folder: Path | None = None,
    workers: int = 0,
    reporter: Reporter | None = None,
) -> list[SetScore]:
    """Score a task on its own test images, and on other data beside them.

    Args:
        run: run folder or task file; a run folder says what the own data is.
        sources: data by name, each as `lpt.data.sources.shifted_sets.open_shifted` reads it;
            the run's own source stands for its test images.
        corruptions: also score the own test images under each corruption and severity.
        folder: where JSON and CSV of each set go; None writes nothing.
        workers: processes that load images.
    Returns: the own test images first (left out where they are not at hand), then the others.
    Raises: RunError if the own data is asked for and not known, or changed since training: its test
        images could be images of training; DataError for data that cannot be opened.
    """
    told, named = reporter or SilentReporter(), dict(sources or {})
    own_source = _source_of(run)
    own_name = next(
        (name for name, data in named.items() if own_source and same_data(data, own_source)), None
    )
    others = {name: data for name, data in named.items() if name != own_name}
    shifted = {
        name: open_shifted(name, data, task.spec.class_names) for name, data in others.items()
    }
    asked = corruptions or not others or own_name is not None
    own = _own_test(run, task, told, asked=asked)
    own_name = own_name or next(n for n in (OWN, "source", "own") if n not in others)
    scorer = _Scorer(task, own, folder, workers, told)
    scores = [] if own is None else [scorer.own(own_name)]
    for name, found in shifted.items():
        family = name if len(found) > 1 else ""
        scores += [scorer.shifted(one, family) for one in found]
    if corruptions:
        for kind in CORRUPTIONS:
            scores += [scorer.corrupted(Corruption(kind, severity)) for severity in SEVERITIES]
    return scores


class _Scorer:
    """Runs the task over one set after the other; keeps what it said of the own test images."""

    def __init__(
        self, task: Task, own: Split | None, folder: Path | None, workers: int, told: Reporter
    ) -> None:
        self.task, self.split, self.folder = task, own, folder
        self.workers, self.told = workers, told
        self.counts = np.asarray(task.spec.class_counts)
        self.found: Predictions | None = None

    def own(self, name: str) -> SetScore:
        assert self.split is not None
        self.found = self._run(name, self.split)
        metrics = self._metrics(name, self.found, self.counts, self.task.spec.class_names)
        return SetScore(name, metrics, metrics.overall)

    def shifted(self, found: ShiftedSet, family: str) -> SetScore:
        view = self.task.transform_with(border=found.border) if found.border else None
        said = self._run(found.name, found.split, view)
        counts = np.array([self.counts[list(own)].sum() for own in found.members])
        restricted = Predictions(found.restrict(said.logits), said.labels)
        metrics = self._metrics(found.name, restricted, counts, found.names)
        return SetScore(
            found.name,
            metrics,
            float((_places(found, len(self.counts))[said.logits.argmax(1)] == said.labels).mean()),
            self._source(found),
            family,
            found.kind if family else "",
            found.severity if family else 0,
        )

    def corrupted(self, corruption: Corruption) -> SetScore:
        assert self.split is not None
        kind, severity = corruption.kind, corruption.severity
        name = f"{CORRUPTED} {kind}-{severity}"
        view = self.task.transform_with(corruption=corruption)
        said = self._run(name, self.split, view)
        metrics = self._metrics(name, said, self.counts, self.task.spec.class_names)
        source = _share_right(self.found)
        return SetScore(name, metrics, metrics.overall, source, CORRUPTED, kind, severity)

    def _run(self, name: str, split: Split, view: Transform | None = None) -> Predictions:
        self.told.begin(name, len(split), unit="images")
        try:
            return self.task.run(
                split, transform=view, workers=self.workers, on_batch=self.told.advance
            )
        finally:
            self.told.end()

    def _metrics(
        self, name: str, said: Predictions, counts: Counts, names: Sequence[str]
    ) -> Metrics:
        metrics = evaluate(said, counts, self.task.groups, names)
        if self.folder is not None:
            write_metrics(self.folder, name, metrics)
        return metrics

    def _source(self, found: ShiftedSet) -> float | None:
        """Accuracy on the own test images of the set's classes, chosen among these."""
        if self.found is None:
            whole = len(found.names) == len(self.counts)
            return self.task.spec.source_accuracy if whole else None
        place = _places(found, len(self.counts))
        kept = np.flatnonzero(place[self.found.labels] >= 0)
        if not len(kept):
            return None
        logits = found.restrict(self.found.logits[kept])
        return _share_right(Predictions(logits, place[self.found.labels[kept]]))


def _places(found: ShiftedSet, classes: int) -> Counts:
    """For each of the task's classes its place among the set's, -1 for none: (C,)."""
    place = np.full(classes, -1, dtype=np.int64)
    for index, own in enumerate(found.members):
        place[list(own)] = index
    return place


def _share_right(said: Predictions | None) -> float | None:
    return None if said is None else float((said.logits.argmax(axis=1) == said.labels).mean())


def _source_of(run: str | Path) -> str | None:
    """The data that a run's configuration names."""
    path = Path(run)
    folder = RunFolder(path if path.is_dir() else path.parent)
    return folder.read_config().data.source if folder.config_file.is_file() else None


def _own_test(run: str | Path, task: Task, told: Reporter, *, asked: bool) -> Split | None:
    try:
        own = data_of_run(run, task.spec.class_names)
        if own is not None:
            return own.split("test")
    except (DataError, RunError) as error:
        if asked:
            raise
        told.message(f"note      the source is not scored again: {str(error).splitlines()[0]}")
    if asked:
        raise RunError(f"{run}: a task file does not say where its data is. Name the data too.")
    return None
