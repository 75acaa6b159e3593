"""Labels that are probably wrong, as lists that training takes.

How many of them are wrong labels, and how many wrong labels they are, is measured in docs/data.md.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lpt.analysis.labels.label_evidence import wrong_labels
from lpt.analysis.logit_digest import ImageScores
from lpt.analysis.notable_images import label_errors
from lpt.escape import csv_text
from lpt.files.atomic_files import write_text

__all__ = ["KIND", "LEFT_OUT", "SURE", "Suspect", "find_suspects", "rank_labels", "write_suspects"]

KIND, LEFT_OUT = "suspect-label", "left-out"
"""Values of the column `kind`: a suspect label, and an image that the run left out already."""

SURE = 0.9
"""Probability of a wrong label from which an image is a suspect."""

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Suspect:
    """An image whose label is probably wrong.

    Attributes:
        index: position in the images that were judged.
        class_id: given class.
        suggested: the class that it probably belongs to.
        score: probability that the label is wrong; the list is sorted by it.
    """

    index: int
    class_id: int
    suggested: int
    score: float


def find_suspects(
    scores: ImageScores,
    members: Mapping[str, Indices],
    num_classes: int,
    judged: npt.NDArray[np.bool_] | None = None,
) -> tuple[Suspect, ...]:
    """Find the images whose label is probably wrong, most likely first.

    They fit their class worse than usual and another one well (`label_errors`), and with a
    probability of `SURE` their label is wrong (`wrong_labels`). A class whose images would all be
    suspects is not understood, so none of them is.

    Args:
        scores: predictions of a model that was not trained on these labels.
        members: class indices by shot group.
        num_classes: C.
        judged: (n,) images that may be suspect; None for all.
    """
    order, suggested, _ = label_errors(scores, members, num_classes)
    wrong = wrong_labels(scores, num_classes)
    doubted = wrong[order] >= SURE
    if judged is not None:
        doubted &= judged[order]
    order, suggested = order[doubted], suggested[doubted]
    images, lost = (np.bincount(scores.labels[i], minlength=num_classes) for i in (..., order))
    found = [
        Suspect(int(i), int(scores.labels[i]), int(c), float(wrong[i]))
        for i, c in zip(order, suggested, strict=True)
        if lost[scores.labels[i]] < images[scores.labels[i]]
    ]
    return tuple(sorted(found, key=lambda suspect: -suspect.score))


def rank_labels(
    scores: ImageScores, suspects: Sequence[Suspect], num_classes: int
) -> tuple[Suspect, ...]:
    """Sort all images for a person who looks at labels: suspects first, then by probability.

    Most of those that follow the suspects have right labels. Training should not leave them out
    unseen, but wrong labels are more frequent at the front.

    Args:
        scores: predictions of a model that was not trained on these labels.
        suspects: what `find_suspects` found.
        num_classes: C.
    """
    known = {suspect.index for suspect in suspects}
    wrong = wrong_labels(scores, num_classes)
    other = scores.top[np.arange(len(scores)), (scores.top[:, 0] == scores.labels).astype(int)]
    rest = [
        Suspect(int(i), int(scores.labels[i]), int(other[i]), float(wrong[i]))
        for i in np.argsort(-wrong, kind="stable")
        if int(i) not in known
    ]
    return (*suspects, *rest)


def write_suspects(
    path: Path,
    suspects: Sequence[Suspect],
    names: Sequence[str],
    split: str,
    classes: Sequence[str],
    left_out: Iterable[tuple[str, str]] = (),
) -> None:
    """Write suspects as a list that `lpt train --bad-images` takes.

    Args:
        names: name of each suspect's image, as a quarantine list has it.
        split: of all of them.
        classes: (C,) class names.
        left_out: name and split of the images that the run left out, which follow; a list replaces
            the one that the run was given.
    """
    columns = ("name", "split", "kind", "label", "suggested", "score")
    rows = [
        (name, split, KIND, classes[s.class_id], classes[s.suggested], f"{s.score:.4f}")
        for s, name in zip(suspects, names, strict=True)
    ]
    rows += [(name, other, LEFT_OUT, "", "", "") for name, other in left_out]
    table = [dict(zip(columns, row, strict=True)) for row in rows]
    write_text(path, csv_text(table, columns, paths=["name"], exact=["name", "split"]))
