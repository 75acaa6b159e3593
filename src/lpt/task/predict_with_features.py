"""Predictions and features of many images from one forward pass each."""

from collections.abc import Iterator
from itertools import islice
from operator import index

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lpt.errors import DataError, at_least
from lpt.records import Output
from lpt.task.inference.image_inputs import Images, as_split, iterate_inputs
from lpt.task.inference.predict_each import Inputs, each_or_error
from lpt.task.prediction import Prediction, most_probable
from lpt.task.trained_task import Task

__all__ = ["predict_with_features"]

Floats = npt.NDArray[np.float32]


def predict_with_features(
    task: Task, images: Images, *, top: int = 5, chunk: int = 512, workers: int = 0
) -> Iterator[tuple[Prediction, Floats] | DataError]:
    """Yield prediction and feature (D,) of each image, or the error of one that cannot be read.

    As `Task.predict_each` and `Task.embed` together, at the cost of one of them.

    >>> task = lpt.load("runs/digits", device="cpu")
    >>> (prediction, feature), *_ = predict_with_features(task, ["7.png"])
    >>> prediction.labels[0], feature.shape
    ('7', (192,))
    """
    at_least("top", top, 1)
    at_least("chunk", chunk, 1)
    remaining = iterate_inputs(images)
    while some := tuple(islice(remaining, chunk)):
        yield from each_or_error(
            lambda inputs, n: _both(task, inputs, index(top), n), some, workers
        )


def _both(task: Task, inputs: Inputs, top: int, workers: int) -> list[tuple[Prediction, Floats]]:
    features: list[Floats] = []

    def model(batch: Tensor) -> Output:
        output = task.forward(batch)
        features.append(output.feature.float().cpu().numpy())
        return output

    found = task.run(as_split(inputs), model=model, workers=workers)
    probabilities = (torch.from_numpy(found.logits) / task.spec.temperature).softmax(1)
    names = [one.name for one in inputs]
    best = most_probable(names, probabilities, found.matched, task.class_names, top)
    return list(zip(best, np.concatenate(features), strict=True))
