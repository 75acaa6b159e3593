"""The table of a study as data: mean and spread over seeds, cost, differences."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np
import numpy.typing as npt

from lpt.data.class_groups import ClassGroups
from lpt.evaluation import Spread
from lpt.studies.define.definition import Published, Study
from lpt.studies.plan.run_store import CellResult, CellStore
from lpt.studies.run.row_result import Outcome
from lpt.studies.table.bootstrap import Difference, paired_differences

__all__ = ["StudyTable", "TableRow", "make_table"]

ACCURACIES = ("overall", "many", "medium", "few", "macro")
FEATURES = ("gamma", "inner", "inter", "knn", "knn_many", "knn_medium", "knn_few")


@dataclass(frozen=True)
class TableRow:
    """One row; a measure without a value is absent.

    Attributes:
        scores: accuracies, and accuracy by shifted set; shares.
        ensembled: accuracies of the mean over five crops; empty if not asked.
        features: gamma, inner, inter; K-NN accuracies as shares.
        seeds: how many the means are over.
        rate: what was chosen: a multiple of the method's own rate, or a rate.
        absolute_lr: of prompts in phase 1, or a rival's main one; None if nothing is trained.
        tried: macro accuracy on the images that chose, by candidate; empty if nothing was chosen.
        at_edge: whether it is the lowest or highest candidate, so that a better one may lie beyond.
        five_crops: whether it answers by the mean over five crops where other rows do not.
        made_with: what its cells were trained with, each once.
        epochs: of each stage; `standard` is what the method has by itself.
        difference: to the reference row on the same backbone, by measure and shifted set; empty for
            that row itself.
        ensembled_difference: the same where both answer by the mean over five crops.
        paper: what the paper reports for this row.
        random: of an untrained backbone: says that the machinery works, nothing else.
        failed: why a cell of the row failed; "" if none did.
    """

    label: str
    backbone: str
    scores: Mapping[str, Spread]
    ensembled: Mapping[str, Spread]
    features: Mapping[str, Spread]
    seeds: int
    lr: str
    absolute_lr: float | None
    tried: Mapping[str, float | None]
    at_edge: bool
    five_crops: bool
    made_with: tuple[str, ...]
    parameters: int
    seconds: Spread | None
    peak_memory_bytes: int
    epochs: tuple[int, ...]
    standard: tuple[int, ...]
    difference: Mapping[str, Difference]
    ensembled_difference: Mapping[str, Difference]
    paper: tuple[Published, ...]
    random: bool
    failed: str

    @property
    def is_short(self) -> bool:
        """Whether it was trained for fewer epochs than the method has by itself."""
        return any(own < usual for own, usual in zip(self.epochs, self.standard, strict=False))


@dataclass(frozen=True)
class StudyTable:
    """A study's results.

    Attributes:
        name, about, source: of the study.
        data: what it was run on.
        reference: label of the row, on each backbone, that differences are taken against.
        shifted: names of shifted sets, in order.
        notes: what a reader must know of the protocol.
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


def make_table(
    name: str,
    study: Study,
    outcomes: Sequence[Outcome],
    store: CellStore,
    *,
    data: str,
    counts: Sequence[int],
    groups: ClassGroups,
    reference: str,
    shifted: Sequence[str],
    notes: Sequence[str],
) -> StudyTable:
    """Put outcomes together.

    Args:
        counts: (C,) training images a class.
        reference: label of a row of the study.
    """
    bases = {o.line.backbone: o for o in outcomes if o.line.row.label == reference}
    members = groups.members(counts)
    rows = []
    for outcome in outcomes:
        base = bases[outcome.line.backbone]
        compared = [_compare(outcome, base, store, members, ensembled=e) for e in (False, True)]
        rows.append(_row(outcome, store, *compared))
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
    )


def _row(
    outcome: Outcome,
    store: CellStore,
    difference: Mapping[str, Difference],
    ensembled_difference: Mapping[str, Difference],
) -> TableRow:
    line = outcome.line
    results = [result for _, result in _trained(outcome, store)]
    first = outcome.cells[0] if outcome.cells else None
    parts = [(r.scores, r.shifted) for r in results]
    scores = _spreads([{**{n: s.get(n) for n in ACCURACIES}, **others} for s, others in parts])
    seconds = _spread([result.seconds for result in results])
    return TableRow(
        label=line.label,
        backbone=line.backbone,
        scores=scores,
        ensembled=_spreads([{n: r.ensembled.get(n) for n in ACCURACIES} for r in results]),
        features=_spreads([{n: r.features.get(n) for n in FEATURES} for r in results]),
        seeds=len(results),
        lr="" if outcome.lr is None or line.row.method == "plain" else str(outcome.lr),
        absolute_lr=None if first is None or line.row.method == "plain" else first.lr,
        tried=outcome.tried,
        at_edge=outcome.at_edge,
        five_crops=first is not None and first.baseline is not None and first.baseline.tta,
        made_with=tuple(dict.fromkeys(_made_with(result) for result in results)),
        parameters=max((result.parameters for result in results), default=0),
        seconds=seconds,
        peak_memory_bytes=max((result.peak_memory_bytes for result in results), default=0),
        epochs=first.epochs if first is not None else (),
        standard=first.standard if first is not None else (),
        difference=difference,
        ensembled_difference=ensembled_difference,
        paper=tuple(p for p in line.row.paper if _concerns(p, line.backbone)),
        random=line.backbone.startswith("random:"),
        failed=outcome.failed,
    )


def _made_with(result: CellResult) -> str:
    """Versions, threads, device and precision, as far as the cell knows them."""
    made = result.environment
    threads = made.get("threads")
    parts = [f"{name} {made[name]}" for name in ("lpt", "torch") if name in made]
    parts += [f"{threads} thread" + "s" * (threads != 1)] if threads else []
    where = made.get("cuda") if made.get("device") == "cuda" else made.get("device")
    return ", ".join([*parts, *(str(one) for one in (where, made.get("precision")) if one)])


def _trained(outcome: Outcome, store: CellStore) -> list[tuple[str, CellResult]]:
    found = [(cell.name, store.result(cell.name)) for cell in outcome.cells]
    return [(name, r) for name, r in found if r is not None and not r.failed]


def _compare(
    outcome: Outcome,
    base: Outcome,
    store: CellStore,
    members: Mapping[str, npt.NDArray[np.int64]],
    *,
    ensembled: bool,
) -> dict[str, Difference]:
    """Over the seeds that both have; {} of a row with itself."""
    if outcome is base:
        return {}
    own = {cell.config.seed: cell.name for cell in outcome.cells}
    other = {cell.config.seed: cell.name for cell in base.cells}
    finished = {name for one in (outcome, base) for name, _ in _trained(one, store)}
    seeds = [s for s in own if s in other and {own[s], other[s]} <= finished]
    if not seeds:
        return {}
    answers = [store.answers(own[seed]) for seed in seeds]
    others = [store.answers(other[seed]) for seed in seeds]
    if ensembled and any(answer.ensembled is None for answer in (*answers, *others)):
        return {}
    found = paired_differences(
        [answer.right(ensembled=ensembled) for answer in answers],
        [answer.right(ensembled=ensembled) for answer in others],
        answers[0].labels,
        members,
    )
    for name in () if ensembled else answers[0].shifted:
        own_right = [answer.shifted[name] for answer in answers]
        alike = np.zeros(len(own_right[0]), np.int64)
        right = [answer.shifted[name] for answer in others]
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
    """Mean and standard deviation (of a sample); not a number for one value."""
    if not values:
        return None
    return Spread(fmean(values), stdev(values) if len(values) > 1 else math.nan)
