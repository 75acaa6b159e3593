"""`lpt analyze`: from a task and its images to numbers and pictures in a folder."""

import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lpt.analysis.analysis_results import VERSION, Analysis, FeatureScore, write_analysis
from lpt.analysis.collect import MODELS, Collected, collect
from lpt.analysis.confidence import abstention, coverage, reliability
from lpt.analysis.confusions import Confusion, find_confusions, short_of_data, worst_pair
from lpt.analysis.features import Plane, compactness, knn_by_group, lda_plane
from lpt.analysis.logit_digest import class_scores, summary
from lpt.analysis.matching import match_classes
from lpt.analysis.select_images import Opened, open_images
from lpt.analysis.suspects import (
    Suspect,
    isolation,
    label_errors,
    most_isolated,
    most_typical,
    worst_mistakes,
)
from lpt.analysis.thumbnails import save_thumbnails
from lpt.data.manifest import Split
from lpt.devices import peak_memory
from lpt.errors import ConfigError
from lpt.progress import Reporter, SilentReporter
from lpt.random_streams import Stream, random_stream
from lpt.task import Task

__all__ = ["analyse", "run_analysis"]

MOST_IMAGES = 20_000
"""Images that K-NN and isolation look at."""

MOST_BANK = {"cpu": 4_000, "cuda": 100_000}
"""Training images that they are compared with: what a device does in minutes."""

CONFUSIONS = 50
PICTURES = 24

Indices = npt.NDArray[np.int64]


def run_analysis(
    run: str | Path,
    data: str | None = None,
    *,
    source: str | None = None,
    out: str | Path | None = None,
    bank: int | None = None,
    device: str | None = None,
    workers: int = 0,
    reporter: Reporter | None = None,
) -> tuple[Analysis, Path]:
    """Analyse a run on its test images, or on other data, and write the findings to a folder.

    Args:
        run: run folder or task file.
        data: other images of the same classes; None for the run's own test images.
        source: other data whose features the LDA shows beside these (the paper's figure 2).
        out: folder of the findings; None for `analysis` beside the task file.
        bank: training images that K-NN and isolation compare with, 1 or more: an equal number of
            each class where there are more, at least one; None for 4,000 on a CPU and 100,000 on a
            GPU.
        workers: processes that load images.
    Returns: the findings, and their folder: analysis.json, a CSV a table, images/.
    Raises: LptError naming what cannot be read; ConfigError for a bank of none, or of a task file
        whose training images are not known.
    """
    if bank is not None and bank < 1:
        raise ConfigError(f"--bank {bank}: choose 1 image or more.")
    path, told = Path(run), reporter or SilentReporter()
    task = Task.load(path, device=device)
    folder = Path(out) if out is not None else (path if path.is_dir() else path.parent) / "analysis"
    place = next(task.model.parameters()).device.type
    most = MOST_BANK.get(place, MOST_BANK["cpu"]) if bank is None else bank
    opened = open_images(path, task, data, source, most_bank=most)
    if bank is not None and opened.bank is None:
        raise ConfigError(
            f"--bank {bank}: a task file does not say where its training images are. "
            "Name the run folder, or leave it out."
        )

    def pass_over(split: Split, title: str) -> Collected:
        told.begin(title, len(split), unit="images")
        found = collect(task, split, workers=workers, on_batch=told.advance)
        told.end()
        return found

    began = time.monotonic()
    images = pass_over(opened.images, f"features of {opened.images.name}")
    seconds = time.monotonic() - began
    known = None if opened.bank is None else pass_over(opened.bank, "features of train")
    other = None if opened.source is None else pass_over(opened.source, f"features of {source}")
    found, confusions = analyse(task, opened, images, known, other, seconds)
    write_analysis(folder, found, confusions)
    shown = (*found.label_errors, *found.mistakes, *found.typical, *found.isolated)
    save_thumbnails(folder, opened.images, (suspect.index for suspect in shown))
    return found, folder


def analyse(
    task: Task,
    opened: Opened,
    images: Collected,
    bank: Collected | None,
    other: Collected | None,
    seconds: float,
) -> tuple[Analysis, tuple[Confusion, ...]]:
    """All analyses of features and scores that are there already.

    Args:
        bank: training images, for K-NN and isolation.
        other: images of other data, for the LDA.
        seconds: what the pass over the images took, for the record.
    Returns: the findings, and every confused pair of classes.
    """
    began = time.monotonic()
    spec, scores, size = task.spec, images.scores, len(task.spec.class_names)
    counts = np.asarray(spec.class_counts, dtype=np.int64)
    members = task.groups.members(counts)
    rows = {group: np.isin(scores.labels, ids) for group, ids in members.items()}
    classes = class_scores(scores, spec.class_counts, task.groups, spec.class_names)
    confusions = find_confusions(scores, classes)
    suspects, suggested, margins = label_errors(scores, members, size)
    subset = _some(len(scores), MOST_IMAGES)

    def shown(
        order: Indices, score: npt.NDArray[np.floating], other_class: Indices | None = None
    ) -> tuple[Suspect, ...]:
        best = scores.chosen[order] if other_class is None else other_class
        return tuple(
            _suspect(opened.images, images, int(i), int(c), float(s))
            for i, c, s in list(zip(order, best, score, strict=True))[:PICTURES]
        )

    mistakes = worst_mistakes(scores)
    typical = most_typical(scores, counts)
    isolated: tuple[Suspect, ...] = ()
    if bank is not None:
        distance = isolation(images.final[subset], bank.final)
        order = most_isolated(distance)
        isolated = shown(subset[order], distance[order])
    matching = None
    if spec.phases == 2:
        keys = task.model.pool.keys.detach().float().cpu().numpy()
        matching = match_classes(
            images.features["phase1"], scores.labels, keys, spec.top_k, members
        )
    found = Analysis(
        version=VERSION,
        task=spec.name,
        data=opened.name,
        split=opened.images.name,
        images=len(scores),
        groups=task.groups.describe(),
        temperature=spec.temperature,
        summary=summary(scores, classes),
        classes=classes,
        features=tuple(
            _feature_score(name, images, bank, subset, members, size) for name in images.features
        ),
        plane=_plane(images, other),
        matching=matching,
        calibration=reliability(scores, rows),
        coverage=coverage(scores, rows),
        abstention=abstention(scores, rows),
        confusions=confusions[:CONFUSIONS],
        worst_pair=worst_pair(confusions, classes),
        short=short_of_data(scores, classes, confusions),
        label_errors=shown(suspects, margins, suggested),
        label_error_count=len(suspects),
        mistakes=shown(mistakes, scores.confidence[mistakes] - scores.own[mistakes]),
        typical=shown(typical, scores.own[typical]),
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


def _plane(images: Collected, other: Collected | None) -> Plane | None:
    """Figure 5 of the paper; with other data its figure 2, for plain backbone and phase 1."""
    if other is None:
        return lda_plane({MODELS[name]: values for name, values in images.features.items()})
    return lda_plane(
        {
            f"{MODELS[name]}, {data}": collected.features[name]
            for data, collected in (("these images", images), ("source", other))
            for name in ("plain", "phase1")
        }
    )


def _suspect(split: Split, images: Collected, index: int, suggested: int, score: float) -> Suspect:
    scores = images.scores
    ranked = np.flatnonzero(scores.top[index] == suggested)
    return Suspect(
        index,
        split.name_of(index),
        int(scores.labels[index]),
        suggested,
        float(scores.probability[index, ranked[0]]),
        float(scores.own[index]),
        score,
    )


def _some(images: int, most: int) -> Indices:
    """Positions of at most `most` images, drawn always alike, in order."""
    if images <= most:
        return np.arange(images, dtype=np.int64)
    return np.sort(random_stream(0, Stream.ANALYSIS_SUBSET).permutation(images)[:most])
