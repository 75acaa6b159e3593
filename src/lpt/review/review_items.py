"""The images of a review: suspect labels and confusions that `lpt analyze` found."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lpt.analysis.labels.suspects import KIND
from lpt.analysis.predictions import FILE
from lpt.analysis.run_analysis import OTHER_SUSPECTS, RANKING, SUSPECTS
from lpt.data.check.listed_images import Place, find_listed, relative_name
from lpt.data.manifest import Manifest
from lpt.errors import RunError
from lpt.escape import shell_command
from lpt.files.regular_files import read_regular

__all__ = ["CONFUSION", "DOUBTFUL", "SUSPECT", "ReviewItem", "find_items"]

SUSPECT, DOUBTFUL, CONFUSION = "suspect label", "doubtful label", "confusion"

_MOST_BYTES = 2**30


@dataclass(frozen=True)
class ReviewItem:
    """An image that a person should look at.

    Attributes:
        place: split and position in the data.
        name: of the image, as lists of corrections have it.
        kind: why: a suspect or a doubtful label, or a confusion.
        label: class index that the data gives it.
        suggested: class index that the model gives it.
        score: probability of a wrong label, or of the predicted class.
    """

    place: Place
    name: str
    kind: str
    label: int
    suggested: int
    score: float


@dataclass(frozen=True)
class _Row:
    """A line of a table of the analysis."""

    name: str
    split: str
    kind: str
    suggested: str
    score: float


def find_items(
    analysis: Path, data: Manifest, root: Path | None, most: int, most_confusions: int
) -> list[ReviewItem]:
    """Return the images to review, suspect labels first.

    Training images whose labels are doubtful follow, and then confusions: those of the most
    frequent pairs of classes first, and within a pair those that the model is most certain of.

    Args:
        analysis: folder that `lpt analyze` wrote.
        data: of the run, with the labels that it has without corrections.
        root: folder that names of images are relative to; None for full names.
        most: largest number of labels; all suspects are among them.
        most_confusions: largest number of confusions.
    Raises: RunError if there is no analysis, or a table of it is damaged.
    """
    if not (analysis / FILE).is_file():
        raise RunError(
            f"{analysis}: holds no analysis, which finds the images to look at. "
            f"Run: {shell_command('lpt', 'analyze', analysis.parent)}"
        )
    rows = [row for name in (SUSPECTS, OTHER_SUSPECTS) for row in _suspects(analysis / name)]
    doubtful = [replace(row, kind=DOUBTFUL) for row in _suspects(analysis / RANKING)]
    suspects = _items(data, analysis, root, rows)
    more = _items(data, analysis, root, doubtful)[: max(0, most - len(suspects))]
    labels = [*suspects, *more]
    known = {item.place for item in labels}
    confused = _items(data, analysis, root, _confusions(analysis / FILE))
    return labels + [item for item in confused if item.place not in known][:most_confusions]


def _items(
    data: Manifest, analysis: Path, root: Path | None, rows: Sequence[_Row]
) -> list[ReviewItem]:
    """Find the images of rows; those that are not in the data are left out."""
    classes = {name: index for index, name in enumerate(data.class_names)}
    found = find_listed(data, analysis / FILE, [(row.name, row.split) for row in rows])
    items: dict[Place, ReviewItem] = {}
    for row, places in zip(rows, found, strict=True):
        if not places or row.suggested not in classes:
            continue
        split, index = places[0]
        part = data.split(split)
        items.setdefault(
            places[0],
            ReviewItem(
                places[0],
                relative_name(part, index, root),
                row.kind,
                int(part.labels[index]),
                classes[row.suggested],
                row.score,
            ),
        )
    return list(items.values())


def _suspects(path: Path) -> list[_Row]:
    if not path.is_file():
        return []
    return [
        _Row(row["name"], row["split"], SUSPECT, row["suggested"], _number(path, row["score"]))
        for row in _rows(path, ("name", "split", "kind", "suggested", "score"))
        if row["kind"] == KIND
    ]


def _confusions(path: Path) -> list[_Row]:
    wrong = [
        row
        for row in _rows(path, ("image", "class", "predicted", "probability"))
        if row["class"] != row["predicted"]
    ]
    pairs = Counter(frozenset((row["class"], row["predicted"])) for row in wrong)
    rows = [
        (
            (-pairs[pair], sorted(pair), -_number(path, row["probability"])),
            _Row(row["image"], "", CONFUSION, row["predicted"], _number(path, row["probability"])),
        )
        for row in wrong
        for pair in [frozenset((row["class"], row["predicted"]))]
    ]
    return [row for _, row in sorted(rows, key=lambda pair: pair[0])]


def _rows(path: Path, columns: Iterable[str]) -> list[dict[str, str]]:
    try:
        text = read_regular(path, _MOST_BYTES, error=RunError).decode("utf-8", "surrogateescape")
        reader = csv.DictReader(io.StringIO(text, newline=""), restval="")
        missing = set(columns) - set(reader.fieldnames or ())
        if missing:
            raise csv.Error(f"no column {min(missing)}")
        return list(reader)
    except csv.Error as error:
        raise _damaged(path, str(error)) from error


def _number(path: Path, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise _damaged(path, "a score is no number") from error


def _damaged(path: Path, reason: str) -> RunError:
    again = shell_command("lpt", "analyze", path.parent.parent)
    return RunError(f"{path}: cannot be read ({reason}). Run: {again}")
