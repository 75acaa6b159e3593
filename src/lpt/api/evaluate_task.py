"""Score a trained task on data."""

import os
import warnings
from collections.abc import Mapping

import torch

from lpt.api.train_task import choose_reporter
from lpt.arguments import at_least, path_text
from lpt.backbones import FrozenViT
from lpt.config.ranges import MAX_BATCH, MAX_WORKERS
from lpt.data.manifest import Manifest, Split
from lpt.errors import ParameterError
from lpt.evaluation import Metrics
from lpt.shift.open_sets import TestData
from lpt.shift.score_sets import score_sets
from lpt.shift.set_tables import trained_warnings
from lpt.task import Task, load
from lpt.task.class_prior import PriorInput
from lpt.task_records import MatchMode

__all__ = ["evaluate"]


def evaluate(
    task: Task | str | os.PathLike[str],
    data: TestData | Mapping[str, TestData] | None = None,
    *,
    backbone: FrozenViT | str | os.PathLike[str] | None = None,
    device: str | torch.device | None = None,
    batch_size: int = 64,
    workers: int = 0,
    verbose: bool = False,
    prior: PriorInput | None = None,
    match: MatchMode | None = None,
) -> Metrics | dict[str, Metrics]:
    """Score a task on one or several test sets.

    Args:
        task: a task, or the path of a run folder or task file.
        data: test data: a path or a name as `lpt.open_data` takes it (the test split if the data
            names one, otherwise all images), an opened data set (its test split), a split whose
            labels are the task's class indices, or a dict of these by name. Classes are matched by
            name. None takes the test images of the run's own data; so does the name of that data.
        backbone: backbone of a task given by its path, as for `lpt.load`.
        device: device for a task given by its path; None takes a CUDA GPU if there is one.
        batch_size: images per forward pass.
        workers: processes that load images; 0 loads them in this process.
        verbose: show progress.
        prior: class frequencies of the test images, if they differ from the training images':
            "uniform", "training", a CSV or JSON file, a mapping from class names, (C,) numbers, or
            "estimate" to estimate them from the images of each set without their labels.
        match: how group prompts are matched (`Task.with_match`); None for the task's own.
    Returns: the metrics, over the classes of the test set; a dict of metrics by name if `data` is a
        dict or a folder of several sets (ImageNet-C).
    Raises: RunError if the run's own data is needed but not known, or has changed since training;
        DataError for data that cannot be opened or has a class that the task does not know;
        ParameterError for an argument of the wrong type or out of range.
    Warns: UserWarning with the number of images that the task was trained on, if there are any.

    >>> metrics = lpt.evaluate("runs/digits", device="cpu")
    >>> metrics.many > metrics.medium > metrics.few > 0.2
    True
    """
    if isinstance(task, Task):
        for name, value in (("backbone", backbone), ("device", device)):
            if value is not None:
                raise ParameterError(f"`{name}`: the task has one already. Give it to lpt.load.")
    else:
        task = load(task, backbone=backbone, device=device)
    task = task if match is None else task.with_match(match)
    at_least("batch_size", batch_size, 1, MAX_BATCH)
    at_least("workers", workers, 0, MAX_WORKERS)
    several = isinstance(data, Mapping)
    named = data if isinstance(data, Mapping) else {} if data is None else {_name(data): data}
    scores = score_sets(
        task.path,
        task,
        named,
        with_source=False,
        batch_size=batch_size,
        workers=workers,
        reporter=choose_reporter(verbose),
        prior=prior,
    )
    for warning in trained_warnings(scores):
        warnings.warn(warning, UserWarning, stacklevel=2)
    metrics = {score.name: score.metrics for score in scores}
    return metrics if several or len(metrics) > 1 else next(iter(metrics.values()))


def _name(data: TestData) -> str:
    return data.name if isinstance(data, Manifest | Split) else path_text("data", data)
