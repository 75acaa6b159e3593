"""Corrections of labels: decisions about single images, in a CSV file that can be edited.

The data itself is never changed. `lpt review` writes the list; training, evaluation and the check
of the data apply it to what they read.
"""

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from lpt.arguments import nearest_names
from lpt.data.check.listed_images import Place, find_listed, unknown_names
from lpt.data.manifest import CorrectionCounts, Manifest
from lpt.errors import DataError
from lpt.escape import csv_text, printable, shortened
from lpt.files.atomic_files import write_text
from lpt.files.regular_files import read_regular
from lpt.progress import plural

__all__ = ["Correction", "Decision", "read_corrections", "with_corrections", "write_corrections"]

Decision = Literal["confirm", "change", "drop"]
"""The label is right; the label is another one; the image is left out."""

_DECISIONS: dict[str, Decision] = {name: name for name in get_args(Decision)}
_COLUMNS = ("name", "split", "decision", "label", "corrected")
_MOST_BYTES = 2**30


@dataclass(frozen=True)
class Correction:
    """A decision about one image.

    Attributes:
        name: of the image, as in a quarantine list.
        split: that it was in; "" for any.
        decision: confirm, change or drop.
        label: name of the class that the data gives it.
        corrected: name of its right class, for "change"; otherwise "".
    """

    name: str
    split: str
    decision: Decision
    label: str
    corrected: str = ""


def write_corrections(path: Path, corrections: Iterable[Correction]) -> None:
    """Write a list of corrections, whole or not at all. Raises: RunError if it cannot be."""
    rows = [vars(correction) for correction in corrections]
    exact = [name for name in _COLUMNS if name != "decision"]
    write_text(path, csv_text(rows, _COLUMNS, paths=["name"], exact=exact))


def read_corrections(path: Path) -> list[Correction]:
    """Read a list of corrections. A later row replaces an earlier one about the same image.

    Raises: DataError naming the line that is no correction, or a file that is no such list.
    """
    try:
        text = read_regular(path, _MOST_BYTES).decode("utf-8-sig", "surrogateescape")
        reader = csv.DictReader(io.StringIO(text, newline=""), restval="")
        reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or ()]
        rows = {
            (row["name"], row["split"].strip()): _correction(path, reader.line_num, row)
            for row in reader
            if row["name"]
        }
    except (csv.Error, KeyError, AttributeError) as error:
        raise DataError(
            f"{path}: not a list of corrections ({error}). "
            f"It needs the columns {', '.join(_COLUMNS)}."
        ) from error
    return list(rows.values())


def _correction(path: Path, line: int, row: dict[str, str]) -> Correction:
    given = row["decision"].strip()
    decision = _DECISIONS.get(given)
    if decision is None:
        raise DataError(
            f"{path}: line {line}: decision {shortened(given, 40)!r}. "
            f"Choose one of {', '.join(_DECISIONS)}."
        )
    changed = decision == "change"
    if changed and not row["corrected"]:
        raise DataError(f"{path}: line {line}: `change` needs the right class in `corrected`.")
    return Correction(
        row["name"],
        row["split"].strip(),
        decision,
        row["label"],
        row["corrected"] if changed else "",
    )


def with_corrections(
    manifest: Manifest, path: Path, *, notice: Callable[[str], None] | None = None
) -> Manifest:
    """Return the data with the labels of a list of corrections, without the images it drops.

    Splits are those of the data as it is, so runs with and without corrections have the same
    test images. An image whose label is neither the one that was judged nor the corrected one has
    changed since; its row is ignored.

    Args:
        manifest: the data.
        path: the list.
        notice: called with one line on names that are not in the data, and on such rows.
    Raises: DataError if the list cannot be read, names no image of the data or a class that it does
        not have, or leaves a class without training images.
    """
    corrections = read_corrections(path)
    classes = {name: index for index, name in enumerate(manifest.class_names)}
    _check_classes(path, corrections, manifest.class_names)
    found = find_listed(manifest, path, [(one.name, one.split) for one in corrections])
    if corrections and not any(found):
        raise DataError(
            f"{path}: none of its {plural(len(corrections), 'image')} is in {manifest.name}. Give "
            "the list made for this data."
        )
    labels = {name: split.labels.copy() for name, split in manifest.splits.items()}
    dropped: set[Place] = set()
    counts: Counter[str] = Counter()
    stale: list[str] = []
    for one, places in zip(corrections, found, strict=True):
        for where, index in places or ():
            if manifest.class_names[labels[where][index]] not in (one.label, one.corrected):
                stale.append(one.name)
                continue
            counts[one.decision] += 1
            if one.decision == "drop":
                dropped.add((where, index))
            elif one.decision == "change":
                labels[where][index] = classes[one.corrected]
    splits = {}
    for name, split in manifest.splits.items():
        gone = [index for place, index in dropped if place == name]
        kept = np.setdiff1d(np.arange(len(split)), gone)
        if len(kept):
            splits[name] = replace(split, labels=labels[name]).take(kept)
    corrected = CorrectionCounts(counts["change"], counts["drop"], counts["confirm"])
    result = replace(manifest, splits=splits, corrections=corrected)
    _check_complete(path, manifest, result)
    if notice is not None:
        names = [one.name for one, places in zip(corrections, found, strict=True) if places is None]
        if names:
            notice(unknown_names(path, names, len(corrections)))
        if stale:
            shown = ", ".join(shortened(printable(name), 80) for name in stale[:3])
            notice(
                f"{printable(str(path))}: {plural(len(stale), 'row')} ignored, because the label "
                f"in the data changed since: {shown}{' ...' if stale[3:] else ''}"
            )
    return result


def _check_classes(path: Path, corrections: Sequence[Correction], names: Sequence[str]) -> None:
    known = set(names)
    for one in corrections:
        if one.corrected and one.corrected not in known:
            near = nearest_names(names, one.corrected)
            hint = f"Nearest: {near}." if near else "Correct the list."
            raise DataError(
                f"{path}: {shortened(one.name, 80)}: the data has no class "
                f"{shortened(one.corrected, 80)!r}. {hint}"
            )


def _check_complete(path: Path, before: Manifest, after: Manifest) -> None:
    """Refuse corrections after which a class has no training image."""
    if "train" not in before.splits:
        return
    left = after.counts() if "train" in after.splits else np.zeros(after.num_classes, dtype=int)
    lost = np.flatnonzero((before.counts() > 0) & (left == 0))
    if len(lost):
        raise DataError(
            f"{path}: with these corrections the class {before.class_names[int(lost[0])]!r} has no "
            "training image. Keep one, or train on data without this class."
        )
