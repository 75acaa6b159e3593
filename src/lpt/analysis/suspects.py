"""Labels that are probably wrong, as lists that training takes.

A trained classifier knows the labels of its training images, wrong ones too, so it cannot judge
them. The plain backbone does not: each training image is compared with the class means of all other
training images (leave-one-out), and judged by the same rule as test images. It must also have no
image of its own class among its nearest ten. On long-tailed digits with 5 and 10 % of the labels
replaced, 71 and 79 % of the suspects were wrong labels, and 83 and 71 % of the wrong labels were
suspects; without the second condition, 15 and 20 % of them were wrong.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from lpt.analysis.logit_digest import ImageScores, score_images
from lpt.analysis.notable_images import label_errors
from lpt.escape import csv_text
from lpt.evaluation.calibration import fit_temperature
from lpt.files.atomic_files import write_text

__all__ = ["KIND", "Suspect", "find_suspects", "leave_one_out", "write_suspects"]

KIND = "suspect-label"
"""Value of the column `kind` in a list of suspect labels."""

CHUNK = 4096  # images whose cosines with all classes are in memory at a time
CHUNK_VALUES = 2**24  # similarities of images in memory at a time
NEIGHBOURS = 10

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Suspect:
    """An image whose label is probably wrong.

    Attributes:
        index: position in the images that were judged.
        class_id: given class.
        suggested: the class that it probably belongs to.
        score: how much better the suggested class fits; the list is sorted by it.
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

    Args:
        scores: predictions of a model that was not trained on these labels.
        members: class indices by shot group.
        num_classes: C.
        judged: (n,) images that may be suspect; None for all.
    """
    order, suggested, margins = label_errors(scores, members, num_classes)
    return tuple(
        Suspect(int(i), int(scores.labels[i]), int(c), float(s))
        for i, c, s in zip(order, suggested, margins, strict=True)
        if judged is None or judged[i]
    )


def leave_one_out(
    features: Floats, labels: Indices, num_classes: int
) -> tuple[ImageScores, npt.NDArray[np.bool_]]:
    """Predict each image from the class means of all other images.

    Args:
        features: (n, D), n at least 1, of a model that was not trained on the labels.
        labels: (n,) given classes.
        num_classes: C.
    Returns: the predictions, with a temperature calibrated on them, and (n,) whether an image may
        be suspect: not the only image of its class, and none of its nearest ten has its label.
    """
    unit = F.normalize(torch.from_numpy(features), dim=1)
    given = torch.from_numpy(labels)
    sums = torch.zeros(num_classes, unit.shape[1]).index_add_(0, given, unit)
    counts = torch.bincount(given, minlength=num_classes)

    def cosines(rows: slice) -> torch.Tensor:
        own = given[rows, None]
        without = F.normalize(sums[given[rows]] - unit[rows], dim=1)
        found = unit[rows] @ F.normalize(sums, dim=1).T
        found[:, counts == 0] = -1.0
        return found.scatter_(1, own, (unit[rows] * without).sum(dim=1, keepdim=True))

    sample = slice(None, None, max(1, len(labels) // CHUNK))
    temperature = fit_temperature(cosines(sample).numpy(), labels[sample])
    parts = [
        score_images(cosines(rows), given[rows], temperature)
        for rows in (slice(start, start + CHUNK) for start in range(0, len(labels), CHUNK))
    ]
    judged = (counts[given] > 1).numpy() & ~_has_neighbour(unit, given)
    return ImageScores.concatenate(parts), judged


def _has_neighbour(unit: torch.Tensor, labels: torch.Tensor) -> npt.NDArray[np.bool_]:
    """Whether one of the nearest ten other images has the label of an image: (n,)."""
    found, rows = [], max(1, CHUNK_VALUES // len(unit))
    for start in range(0, len(unit), rows):
        similarity = unit[start : start + rows] @ unit.T
        own = torch.arange(start, start + len(similarity))
        similarity.scatter_(1, own[:, None], -2.0)
        nearest = similarity.topk(min(NEIGHBOURS, len(unit)), dim=1).indices
        found.append((labels[nearest] == labels[own, None]) & (nearest != own[:, None]))
    return torch.cat(found).any(dim=1).numpy()


def write_suspects(
    path: Path,
    suspects: Sequence[Suspect],
    names: Sequence[str],
    split: str,
    classes: Sequence[str],
) -> None:
    """Write suspects as a list that `lpt train --bad-images` takes.

    Args:
        names: name of each suspect's image, as a quarantine list has it.
        split: of all of them.
        classes: (C,) class names.
    """
    columns = ("name", "split", "kind", "label", "suggested", "score")
    rows = [
        (name, split, KIND, classes[s.class_id], classes[s.suggested], f"{s.score:.4f}")
        for s, name in zip(suspects, names, strict=True)
    ]
    table = [dict(zip(columns, row, strict=True)) for row in rows]
    write_text(path, csv_text(table, columns, paths=["name"], exact=["name", "split"]))
