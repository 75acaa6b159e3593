"""All analyses of a split, computed from its features and scores."""

import math
import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lpt.analysis.analysis_data import AnalysisData
from lpt.analysis.analysis_results import VERSION, Analysis, FeatureScore
from lpt.analysis.collect import MODELS, Collected
from lpt.analysis.confidence import abstention, coverage, reliability
from lpt.analysis.confusions import Confusion, find_confusions, short_of_data, worst_pair
from lpt.analysis.features import Plane, compactness, knn_by_group, lda_plane
from lpt.analysis.labels.suspects import Suspect
from lpt.analysis.logit_digest import ImageScores, measure_scores
from lpt.analysis.matching import Matching, match_classes
from lpt.analysis.notable_images import (
    NotableImage,
    isolation,
    most_isolated,
    most_typical,
    worst_mistakes,
)
from lpt.data.manifest import Split
from lpt.machine.devices import peak_memory
from lpt.random_streams import Stream, random_stream
from lpt.task import Task

__all__ = ["compute_analysis", "notable_suspects"]

MOST_IMAGES = 20_000  # images that K-NN and isolation are computed for
CONFUSIONS = 50  # in the record; the CSV file has all
PICTURES = 24  # per list of images
ISOLATED = 0.1  # share of the images that are listed as isolated at most

Floats = npt.NDArray[np.floating]
Indices = npt.NDArray[np.int64]


def compute_analysis(
    task: Task,
    opened: AnalysisData,
    images: Collected,
    bank: Collected | None,
    other: Collected | None,
    seconds: float,
    suspects: Sequence[Suspect] = (),
) -> tuple[Analysis, tuple[Confusion, ...]]:
    """Run all analyses.

    Args:
        task: the trained task.
        opened: where the images come from.
        images: features and scores of the analysed images.
        bank: training images, for K-NN and isolation; None if unknown.
        other: images of other data, for the LDA; None for none.
        seconds: duration of the pass over the images, for the record.
        suspects: analysed images whose label is probably wrong.
    Returns: the results, and all confused pairs of classes.
    """
    began = time.monotonic()
    spec, scores, size = task.spec, images.scores, len(task.spec.class_names)
    members = task.groups.members(spec.class_counts)
    rows = {group: np.isin(scores.labels, ids) for group, ids in members.items()}
    metrics = measure_scores(scores, spec.class_counts, task.groups, spec.class_names)
    classes = metrics.class_scores
    confusions = find_confusions(scores, classes)
    subset = _subset(len(scores), MOST_IMAGES)
    mistakes = worst_mistakes(scores)
    typical = most_typical(scores, np.asarray(spec.class_counts, dtype=np.int64))

    def listed(order: Indices, score: Floats) -> tuple[NotableImage, ...]:
        return tuple(
            _notable(opened.images, scores, int(i), int(scores.chosen[i]), float(s))
            for i, s in list(zip(order, score, strict=True))[:PICTURES]
        )

    isolated: tuple[NotableImage, ...] = ()
    if bank is not None:
        distance = isolation(images.final[subset], bank.final)
        order = most_isolated(distance)[: math.ceil(ISOLATED * len(distance))]
        isolated = listed(subset[order], distance[order])
    found = Analysis(
        version=VERSION,
        task=spec.name,
        data=opened.name,
        split=opened.images.name,
        images=len(scores),
        groups=task.groups.describe(),
        temperature=spec.temperature,
        summary=metrics.summary(),
        classes=classes,
        features=tuple(
            _feature_score(name, images, bank, subset, members, size) for name in images.features
        ),
        plane=_plane(images, other),
        matching=_matching(task, images, members),
        calibration=reliability(scores, rows),
        coverage=coverage(scores, rows),
        abstention=abstention(scores, rows),
        confusions=confusions[:CONFUSIONS],
        worst_pair=worst_pair(confusions, classes),
        short=short_of_data(scores, classes, confusions),
        label_errors=notable_suspects(opened.images, scores, suspects),
        label_error_count=len(suspects),
        mistakes=listed(mistakes, scores.confidence[mistakes] - scores.own[mistakes]),
        typical=listed(typical, scores.own[typical]),
        isolated=isolated,
        neighbours={
            "images": len(subset) if bank is not None else 0,
            "bank": len(bank.labels) if bank is not None else 0,
            "most_of_a_class": opened.bank_per_class,
        },
        cost={
            "seconds_per_image": seconds / len(scores),
            "analysis_seconds": time.monotonic() - began,
            "peak_memory_bytes": float(peak_memory(task.model.pool.keys.device)),
        },
    )
    return found, confusions


def _feature_score(
    name: str,
    images: Collected,
    bank: Collected | None,
    subset: Indices,
    members: dict[str, Indices],
    size: int,
) -> FeatureScore:
    values = images.features[name]
    spread = compactness(values, images.labels, size)
    knn: dict[str, float | None] = {}
    if bank is not None:
        knn = knn_by_group(
            bank.features[name], bank.labels, values[subset], images.labels[subset], members, size
        )
    if spread is None:
        return FeatureScore(name, None, None, None, 1, knn)
    return FeatureScore(name, spread.gamma, spread.inner, spread.inter, spread.classes, knn)


def _matching(task: Task, images: Collected, members: dict[str, Indices]) -> Matching | None:
    if task.spec.phases < 2:
        return None
    keys = task.model.pool.keys.detach().float().cpu().numpy()
    return match_classes(images.features["phase1"], images.labels, keys, task.spec.top_k, members)


def _plane(images: Collected, other: Collected | None) -> Plane | None:
    """Project to figure 5 of the paper; with other data, plain backbone and phase 1 to figure 2."""
    if other is None:
        return lda_plane({MODELS[name]: values for name, values in images.features.items()})
    return lda_plane(
        {
            f"{MODELS[name]}, {data}": collected.features[name]
            for data, collected in (("these images", images), ("source", other))
            for name in ("plain", "phase1")
        }
    )


def notable_suspects(
    split: Split, scores: ImageScores, suspects: Sequence[Suspect]
) -> tuple[NotableImage, ...]:
    """Describe the images of the first suspects, as many as a report shows."""
    return tuple(
        _notable(split, scores, s.index, s.suggested, s.score) for s in suspects[:PICTURES]
    )


def _notable(
    split: Split, scores: ImageScores, index: int, suggested: int, score: float
) -> NotableImage:
    ranked = np.flatnonzero(scores.top[index] == suggested)
    return NotableImage(
        index,
        split.name_of(index),
        int(scores.labels[index]),
        suggested,
        float(scores.probability[index, ranked[0]]),
        float(scores.own[index]),
        score,
    )


def _subset(images: int, most: int) -> Indices:
    """Sample at most `most` positions, in order; the same for every run."""
    if images <= most:
        return np.arange(images, dtype=np.int64)
    return np.sort(random_stream(0, Stream.ANALYSIS_SUBSET).permutation(images)[:most])
