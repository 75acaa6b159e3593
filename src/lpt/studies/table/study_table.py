"""The table of a study as data: mean and deviation over seeds, cost, differences."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np
import numpy.typing as npt

from lpt.data.class_groups import ClassGroups
from lpt.evaluation import Spread
from lpt.evaluation.bootstrap import Difference, paired_differences
from lpt.studies.define.definition import Published, Study
from lpt.studies.plan.run_store import RunResult, RunStore
from lpt.studies.run.row_result import RowResult
from lpt.studies.table.smallest_cost import CostPoint, SmallestCost, smallest_costs

__all__ = ["StudyTable", "TableRow", "make_table"]

ACCURACIES = ("overall", "many", "medium", "few", "macro")
FEATURES = ("gamma", "inner", "inter", "knn", "knn_many", "knn_medium", "knn_few")


@dataclass(frozen=True)
class TableRow:
    """One row; a measure without a value is absent.

    Attributes:
        scores: accuracies, and accuracy by shifted set; shares.
        tta: accuracies with test-time augmentation; empty if not asked for.
        features: gamma, inner, inter; K-NN accuracies as shares.
        seeds: number of seeds in the means.
        lr: the selected candidate: a multiple of the method's default, or an absolute value.
        absolute_lr: of the prompts in phase 1, or a baseline's `lr`; None if nothing is trained.
        tried: macro accuracy on the selection images by candidate; empty without selection.
        at_edge: whether the lowest or highest candidate was selected: a better one may lie beyond.
        uses_tta: whether `scores` are with test-time augmentation, unlike those of other rows.
        made_with: versions, device and precision of its runs, without repetition.
        epochs: of each stage; `standard` is the method's default.
        difference: to the reference row on the same backbone, by measure and shifted set; empty for
            the reference itself.
        tta_difference: the same with test-time augmentation.
        paper: numbers that the paper reports for this row.
        random: whether the backbone is untrained: a smoke test, not a comparison.
        curve: of `lpt.studies.define.definition.Row`.
        failed: why a run of the row failed; "" if none did.
    """

    label: str
    backbone: str
    scores: Mapping[str, Spread]
    tta: Mapping[str, Spread]
    features: Mapping[str, Spread]
    seeds: int
    lr: str
    absolute_lr: float | None
    tried: Mapping[str, float | None]
    at_edge: bool
    uses_tta: bool
    made_with: tuple[str, ...]
    parameters: int
    seconds: Spread | None
    peak_memory_bytes: int
    epochs: tuple[int, ...]
    standard: tuple[int, ...]
    difference: Mapping[str, Difference]
    tta_difference: Mapping[str, Difference]
    paper: tuple[Published, ...]
    random: bool
    failed: str
    curve: str = ""

    @property
    def is_short(self) -> bool:
        """Whether it was trained for fewer epochs than the method's default."""
        return any(own < usual for own, usual in zip(self.epochs, self.standard, strict=False))


@dataclass(frozen=True)
class StudyTable:
    """A study's results.

    Attributes:
        name, about, source: of the study.
        data: name of the data set.
        reference: label of the row, on each backbone, that differences are relative to.
        shifted: names of shifted sets, in order.
        notes: the protocol in sentences.
        costs: of a study with curves, the smallest times that reach the best results.
    """

    name: str
    about: str
    source: str
    data: str
    reference: str
    rows: tuple[TableRow, ...]
    shifted: tuple[str, ...]
    groups: ClassGroups
    with_features: bool
    notes: tuple[str, ...]
    costs: tuple[SmallestCost, ...] = ()


def make_table(
    name: str,
    study: Study,
    row_results: Sequence[RowResult],
    store: RunStore,
    *,
    data: str,
    counts: Sequence[int],
    groups: ClassGroups,
    reference: str,
    shifted: Sequence[str],
    notes: Sequence[str],
) -> StudyTable:
    """Aggregate the results of rows.

    Args:
        counts: (C,) training images per class.
        reference: label of a row of the study.
    """
    bases = {o.line.backbone: o for o in row_results if o.line.row.label == reference}
    members = groups.members(counts)
    rows = []
    for row in row_results:
        base = bases[row.line.backbone]
        compared = [_compare(row, base, store, members, tta=tta) for tta in (False, True)]
        rows.append(_row(row, store, *compared))
    with_features = "features" in study.measures
    return StudyTable(
        name,
        study.about,
        study.source,
        data,
        reference,
        tuple(rows),
        tuple(shifted),
        groups,
        with_features,
        tuple(notes),
        _costs(rows, row_results, store, members),
    )


def _costs(
    rows: Sequence[TableRow],
    row_results: Sequence[RowResult],
    store: RunStore,
    members: Mapping[str, npt.NDArray[np.int64]],
) -> tuple[SmallestCost, ...]:
    by_label = {one.line.label: one for one in row_results}

    def compare(one: str, other: str) -> Difference | None:
        return _compare(by_label[one], by_label[other], store, members, tta=False).get("overall")

    found: list[SmallestCost] = []
    for backbone in dict.fromkeys(row.backbone for row in rows):
        points = [
            CostPoint(row.label, row.curve, row.scores["overall"].mean, row.seconds.mean)
            for row in rows
            if row.backbone == backbone and row.curve and row.seconds and "overall" in row.scores
        ]
        found += smallest_costs(points, compare)
    return tuple(found)


def _row(
    row: RowResult,
    store: RunStore,
    difference: Mapping[str, Difference],
    tta_difference: Mapping[str, Difference],
) -> TableRow:
    line = row.line
    results = [result for _, result in _trained(row, store)]
    first = row.runs[0] if row.runs else None
    parts = [(r.scores, r.shifted) for r in results]
    scores = _spreads([{**{n: s.get(n) for n in ACCURACIES}, **others} for s, others in parts])
    seconds = _spread([result.seconds for result in results])
    return TableRow(
        label=line.label,
        backbone=line.backbone,
        scores=scores,
        tta=_spreads([{n: r.tta.get(n) for n in ACCURACIES} for r in results]),
        features=_spreads([{n: r.features.get(n) for n in FEATURES} for r in results]),
        seeds=len(results),
        lr="" if row.lr is None or line.row.method == "plain" else str(row.lr),
        absolute_lr=None if first is None or line.row.method == "plain" else first.lr,
        tried=row.tried,
        at_edge=row.at_edge,
        uses_tta=first is not None and first.baseline is not None and first.baseline.tta,
        made_with=tuple(dict.fromkeys(_made_with(result) for result in results)),
        parameters=max((result.parameters for result in results), default=0),
        seconds=seconds,
        peak_memory_bytes=max((result.peak_memory_bytes for result in results), default=0),
        epochs=first.epochs if first is not None else (),
        standard=first.standard if first is not None else (),
        difference=difference,
        tta_difference=tta_difference,
        paper=tuple(p for p in line.row.paper if _concerns(p, line.backbone)),
        random=line.backbone.startswith("random:"),
        failed=row.failed,
        curve=line.row.curve,
    )


def _made_with(result: RunResult) -> str:
    """Versions, threads, device and precision, those that are recorded."""
    made = result.environment
    threads = made.get("threads")
    parts = [f"{name} {made[name]}" for name in ("lpt", "torch") if name in made]
    parts += [f"{threads} thread" + "s" * (threads != 1)] if threads else []
    where = made.get("cuda") if made.get("device") == "cuda" else made.get("device")
    return ", ".join([*parts, *(str(one) for one in (where, made.get("precision")) if one)])


def _trained(row: RowResult, store: RunStore) -> list[tuple[str, RunResult]]:
    found = [(run.name, store.result(run.name)) for run in row.runs]
    return [(name, r) for name, r in found if r is not None and not r.failed]


def _compare(
    row: RowResult,
    base: RowResult,
    store: RunStore,
    members: Mapping[str, npt.NDArray[np.int64]],
    *,
    tta: bool,
) -> dict[str, Difference]:
    """Over the seeds that both have; {} for a row and itself."""
    if row is base:
        return {}
    own = {run.config.seed: run.name for run in row.runs}
    other = {run.config.seed: run.name for run in base.runs}
    finished = {name for one in (row, base) for name, _ in _trained(one, store)}
    seeds = [s for s in own if s in other and {own[s], other[s]} <= finished]
    if not seeds:
        return {}
    own_predictions = [store.predictions(own[seed]) for seed in seeds]
    others = [store.predictions(other[seed]) for seed in seeds]
    if tta and any(one.tta is None for one in (*own_predictions, *others)):
        return {}
    found = paired_differences(
        [one.right(tta=tta) for one in own_predictions],
        [one.right(tta=tta) for one in others],
        own_predictions[0].labels,
        members,
    )
    for name in () if tta else own_predictions[0].shifted:
        own_right = [one.shifted[name] for one in own_predictions]
        alike = np.zeros(len(own_right[0]), np.int64)
        right = [one.shifted[name] for one in others]
        found[name] = paired_differences(own_right, right, alike, {})["overall"]
    return found


def _concerns(paper: Published, backbone: str) -> bool:
    return paper.backbone in backbone.lower()


def _spreads(named: Sequence[Mapping[str, float | None]]) -> dict[str, Spread]:
    found = {}
    for name in named[0] if named else ():
        values = [value for one in named if (value := one[name]) is not None]
        spread = _spread(values)
        if spread is not None:
            found[name] = spread
    return found


def _spread(values: Sequence[float]) -> Spread | None:
    """Mean and sample standard deviation, which is NaN for one value."""
    if not values:
        return None
    return Spread(fmean(values), stdev(values) if len(values) > 1 else math.nan)
