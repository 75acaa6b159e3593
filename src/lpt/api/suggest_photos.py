"""Suggest the photos that should be labelled next."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lpt.errors import DataError, at_least
from lpt.progress import Reporter, SilentReporter, plural
from lpt.task import Task
from lpt.task.decisions.photo_ranking import rank_photos
from lpt.task.inference.image_inputs import ImageLike
from lpt.task.predict_with_features import predict_with_features

__all__ = ["Suggestion", "suggest_photos"]


@dataclass(frozen=True)
class Suggestion:
    """A photo to label next.

    Attributes:
        name: its path.
        label: name of the most probable class.
        probability: of that class.
        margin: how much more probable it is than the second class.
        few_shot: probability that the photo is of a few-shot class.
        value: what the order is made of, in [0, 1] (`lpt.task.decisions.photo_ranking`).
    """

    name: str
    label: str
    probability: float
    margin: float
    few_shot: float
    value: float


def suggest_photos(
    task: Task,
    photos: Sequence[str | os.PathLike[str]],
    budget: int = 50,
    *,
    workers: int = 0,
    reporter: Reporter | None = None,
) -> list[Suggestion]:
    """Rank unlabelled photos by what they would teach about the rare classes.

    Args:
        task: a trained task.
        photos: paths; photos that cannot be read are left out.
        budget: number of suggestions.
        workers: processes that load images; 0 loads in this one.
        reporter: receives progress, and a line on photos that cannot be read.
    Returns: the suggestions, most useful first; fewer than `budget` if there are fewer photos.
    Raises: ParameterError for a budget below 1; DataError if no photo can be read.
    """
    at_least("budget", budget, 1)
    progress, size = reporter or SilentReporter(), len(task.class_names)
    names, rows, features = [], [], []
    error: DataError | None = None
    places = {name: index for index, name in enumerate(task.class_names)}
    paths: list[ImageLike] = [Path(photo) for photo in photos]
    progress.begin("predictions", len(paths), unit="images")
    for found in predict_with_features(task, paths, top=size, workers=workers):
        progress.advance(1)
        if isinstance(found, DataError):
            error = found
            continue
        prediction, feature = found
        row = np.empty(size, dtype=np.float32)
        row[[places[label] for label in prediction.labels]] = prediction.probabilities
        names.append(prediction.path)
        rows.append(row)
        features.append(feature)
    progress.end()
    if not rows:
        raise error or DataError("no photo is given. Give photos, or folders of them.")
    if error is not None:
        left = plural(len(paths) - len(rows), "photo")
        progress.message(f"left out  {left} that cannot be read, such as {error}")
    counts, probabilities = np.array(task.spec.class_counts), np.stack(rows)
    few = task.groups.members(counts)["few"]
    return [
        Suggestion(
            names[one.place],
            task.class_names[int(probabilities[one.place].argmax())],
            float(probabilities[one.place].max()),
            one.margin,
            float(probabilities[one.place, few].sum()),
            one.value,
        )
        for one in rank_photos(probabilities, np.stack(features), counts, budget)
    ]
