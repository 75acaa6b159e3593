"""Results of an analysis: one frozen record, its JSON file and its CSV tables."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from lpt.analysis.confidence import Abstention, Coverage, Reliability
from lpt.analysis.confusions import ConfusedPair, Confusion, ShortClass
from lpt.analysis.features import Plane
from lpt.analysis.matching import Matching
from lpt.analysis.notable_images import NotableImage
from lpt.errors import RunError
from lpt.escape import csv_text, shell_command
from lpt.evaluation import ClassScore
from lpt.files.atomic_files import write_json, write_text
from lpt.files.json_files import read_json

__all__ = ["VERSION", "Analysis", "FeatureScore", "read_analysis", "write_analysis"]

VERSION = 1
"""Of the format of analysis.json."""

_IMAGE_LISTS = ("label_errors", "training_label_errors", "mistakes", "typical", "isolated")


@dataclass(frozen=True)
class FeatureScore:
    """How well the features of one model separate the classes.

    Attributes:
        model: a key of `lpt.analysis.collect.MODELS`.
        gamma, inner, inter: see `Compactness`; None if only one class has images.
        classes: number of classes with images.
        knn: K-NN accuracy overall and by shot group; empty if no training images are known.
    """

    model: str
    gamma: float | None
    inner: float | None
    inter: float | None
    classes: int
    knn: dict[str, float | None]


@dataclass(frozen=True)
class Analysis:
    """Results of `lpt analyze`.

    Attributes:
        version: format of the record.
        task, data, split: names of what was analysed.
        images: number of images.
        groups: bounds of the shot groups, in words.
        temperature: of the probabilities.
        summary: `Metrics.summary`: overall, many, medium, few, macro, top5.
        classes: scores of each class, in class order.
        features: scores of the features of each model.
        plane: features of the models in two dimensions; None for fewer than three models.
        matching: prompt matching; None for a task without phase 2.
        calibration, coverage, abstention: confidence, overall and by shot group.
        confusions: the highest-ranked confusions; confusions.csv has all.
        worst_pair: the two classes most often confused with each other.
        short: classes that need more training images.
        label_errors, mistakes, typical, isolated: lists of images, each in its order.
        label_error_count: number of likely label errors, listed or not.
        neighbours: number of `images` and of `bank` training images in the search for neighbours,
            and the most images per class in the bank.
        cost: seconds per image of the forward passes, seconds of the analyses, peak memory in
            bytes.
        training_suspects: number of training labels that are probably wrong (suspects.csv); None
            if no training images are known.
        training_label_errors: the first of them; their index is that in the training images that
            neighbours are searched in.
    """

    version: int
    task: str
    data: str
    split: str
    images: int
    groups: dict[str, str]
    temperature: float
    summary: dict[str, float | None]
    classes: tuple[ClassScore, ...]
    features: tuple[FeatureScore, ...]
    plane: Plane | None
    matching: Matching | None
    calibration: tuple[Reliability, ...]
    coverage: tuple[Coverage, ...]
    abstention: tuple[Abstention, ...]
    confusions: tuple[Confusion, ...]
    worst_pair: ConfusedPair | None
    short: tuple[ShortClass, ...]
    label_errors: tuple[NotableImage, ...]
    label_error_count: int
    mistakes: tuple[NotableImage, ...]
    typical: tuple[NotableImage, ...]
    isolated: tuple[NotableImage, ...]
    neighbours: dict[str, int | None]
    cost: dict[str, float]
    training_suspects: int | None = None
    training_label_errors: tuple[NotableImage, ...] = ()


def write_analysis(folder: Path, found: Analysis, confusions: Sequence[Confusion]) -> None:
    """Write analysis.json and one CSV file per table to a folder.

    Args:
        folder: created if it does not exist.
        found: the results.
        confusions: all confusions, for confusions.csv.
    """
    write_json(folder / "analysis.json", asdict(found))
    names = [score.name for score in found.classes]

    def named(record: Any) -> dict[str, Any]:
        row = asdict(record)
        for key in ("class_id", "taken_for", "suggested"):
            if row.get(key) is not None:
                row[key] = names[row[key]]
        return {"class" if key == "class_id" else key: value for key, value in row.items()}

    tables: dict[str, Iterable[dict[str, Any]]] = {
        "classes": map(asdict, found.classes),
        "confusions": map(named, confusions),
        "short": map(named, found.short),
        "features": (
            {k: v for k, v in asdict(f).items() if k != "knn"}
            | {f"knn_{group}": share for group, share in f.knn.items()}
            for f in found.features
        ),
        "calibration": (
            {"group": r.group, "probability": p, "accuracy": a, "images": n}
            for r in found.calibration
            for p, a, n in r.bins
        ),
        "coverage": (
            {"group": c.group, "coverage": x, "accuracy": y}
            for c in found.coverage
            for x, y in c.points
        ),
        "images": (
            {"list": title, **named(image)}
            for title in _IMAGE_LISTS
            for image in getattr(found, title)
        ),
    }
    if found.plane is not None:
        tables["lda"] = (
            {"model": name, "x": x, "y": y}
            for name, points in zip(found.plane.names, found.plane.points, strict=True)
            for x, y in points
        )
    if found.matching is not None:
        tables["matching"] = map(named, found.matching.classes)
        tables["prompts"] = (
            {"prompt": u.prompt, "best": u.best, "matched": u.matched}
            | {f"best_of_{group}": share for group, share in u.best_of.items()}
            for u in found.matching.use
        )
        tables["keys"] = (
            {"prompt": i, "other": j, "cosine": value}
            for i, row in enumerate(found.matching.key_similarity)
            for j, value in enumerate(row)
        )
    for title, rows in tables.items():
        paths = ["name"] if title == "images" else []
        write_text(folder / f"{title}.csv", csv_text(rows, paths=paths))


def read_analysis(folder: Path) -> Analysis:
    """Read analysis.json.

    Args:
        folder: folder of the analysis.
    Raises: RunError naming the file if it is missing, damaged or of another version.
    """
    path = folder / "analysis.json"
    remedy = f"Run: {shell_command('lpt', 'analyze', folder.parent)}"
    found = read_json(path, _ANALYSIS, remedy=remedy, max_bytes=2**30)
    if found.version != VERSION:
        raise RunError(f"{path}: written by another version of lpt. {remedy}")
    return found


_ANALYSIS = TypeAdapter(Analysis)
