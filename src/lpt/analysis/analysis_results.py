"""The findings of an analysis: one frozen record, its JSON and its tables."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from lpt.analysis.confidence import Abstention, Coverage, Reliability
from lpt.analysis.confusions import ConfusedPair, Confusion, ShortClass
from lpt.analysis.features import Plane
from lpt.analysis.matching import Matching
from lpt.analysis.suspects import Suspect
from lpt.errors import RunError
from lpt.evaluation import ClassScore
from lpt.files import write_json, write_text

__all__ = ["Analysis", "FeatureScore", "read_analysis", "write_analysis"]

VERSION = 1


@dataclass(frozen=True)
class FeatureScore:
    """How well one model's features separate the classes.

    Attributes:
        model: a key of `lpt.analysis.collect.MODELS`.
        gamma, inner, inter: see `Compactness`; None for images of one class.
        classes: classes with images.
        knn: K-NN accuracy overall and by group; empty without training images to compare with.
    """

    model: str
    gamma: float | None
    inner: float | None
    inter: float | None
    classes: int
    knn: dict[str, float | None]


@dataclass(frozen=True)
class Analysis:
    """Everything that `lpt analyze` found.

    Attributes:
        task, data, split: what was analysed.
        images: how many.
        groups: bounds of many, medium and few in words.
        temperature: of the probabilities.
        summary: overall, many, medium, few, macro, top5.
        classes: precision, recall, F1 of each class, in class order.
        features: the models side by side.
        plane: the models in two dimensions; None for fewer than three.
        matching: None for a task of phase 1 alone.
        calibration, coverage, abstention: by group.
        confusions: the first of them; all are in confusions.csv.
        worst_pair: the two classes most confused with each other, either way.
        short: classes that need more images.
        label_errors, mistakes, typical, isolated: images, each list in its order.
        label_error_count: how many images are suspect in all.
        neighbours: training images that K-NN and isolation looked at, and most of a class.
        cost: seconds of the forward passes and of the analyses, peak memory in bytes.
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
    label_errors: tuple[Suspect, ...]
    label_error_count: int
    mistakes: tuple[Suspect, ...]
    typical: tuple[Suspect, ...]
    isolated: tuple[Suspect, ...]
    neighbours: dict[str, int | None]
    cost: dict[str, float]


def write_analysis(folder: Path, found: Analysis, confusions: Sequence[Confusion]) -> None:
    """Write analysis.json and a CSV a table into a folder.

    Args:
        confusions: all of them; the record holds the first.
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
            {"group": c.group, "answered": x, "accuracy": y}
            for c in found.coverage
            for x, y in c.points
        ),
        "images": (
            {"list": title, **named(suspect)}
            for title in ("label_errors", "mistakes", "typical", "isolated")
            for suspect in getattr(found, title)
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
        write_text(folder / f"{title}.csv", _csv(rows))


def read_analysis(folder: Path) -> Analysis:
    """Read analysis.json. Raises: RunError naming the file if it is absent or damaged."""
    path = folder / "analysis.json"
    try:
        found = TypeAdapter(Analysis).validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise RunError(
            f"{path}: cannot be read ({reason}). Run: lpt analyze {folder.parent}"
        ) from error
    if found.version != VERSION:
        raise RunError(f"{path}: of another version of lpt. Run: lpt analyze {folder.parent}")
    return found


def _csv(rows: Iterable[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer: csv.DictWriter[str] | None = None
    for row in rows:
        if writer is None:
            writer = csv.DictWriter(text, list(row), lineterminator="\n")
            writer.writeheader()
        writer.writerow(row)
    return text.getvalue()
