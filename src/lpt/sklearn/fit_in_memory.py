"""Training on images in memory: a run in a temporary folder, of which the task file remains."""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from lpt.api.train_request import TrainRequest
from lpt.data.manifest import Manifest, Split
from lpt.data.splitting import hold_out
from lpt.progress import Reporter
from lpt.task import Task, load
from lpt.task.inference.image_inputs import ImageInput, as_split
from lpt.training.run.run_folder import RunFolder
from lpt.training.run.training_context import TrainingContext
from lpt.training.trainer import Trainer

__all__ = ["TASK_NAME", "fit_in_memory", "task_from_bytes"]

TASK_NAME = "task.safetensors"
_VAL_SMALLEST = 10  # as lpt.open_data: classes with fewer images give none for validation


def fit_in_memory(
    inputs: Sequence[ImageInput],
    labels: npt.NDArray[np.int64],
    class_names: Sequence[str],
    request: TrainRequest,
    reporter: Reporter,
) -> tuple[Task, bytes]:
    """Train on images; nothing stays on the disk.

    Args:
        inputs: (n,) training images. The share `data.val_fraction` of each class is held out to
            calibrate probabilities.
        labels: (n,) indices into `class_names`.
        class_names: (C,) distinct names.
        request: backbone, recipe, settings, seed, budget and device.
        reporter: receives progress.
    Returns: the trained task, and the bytes of its task file.
    Raises: LptError as `lpt.train`.
    """
    config = request.config.changed({"data.source": "X"})
    aside = hold_out(
        labels, fraction=config.data.val_fraction, seed=config.seed, smallest=_VAL_SMALLEST
    )
    store = as_split(inputs).store
    parts = {"train": np.flatnonzero(~aside), "val": np.flatnonzero(aside)}
    splits = {
        name: Split(name, store, positions, labels[positions], config.data.max_pixels)
        for name, positions in parts.items()
        if len(positions)
    }
    data = Manifest("X", tuple(class_names), splits)
    context = TrainingContext(config, reporter, device=request.device_name, data=data)
    with TemporaryDirectory(prefix="lpt-fit-") as place:
        folder = RunFolder(Path(place) / "task")
        trainer = Trainer(context, folder)
        if request.budget is not None:
            trainer.fit_budget(request.budget_seconds, time.monotonic())
        folder.create(trainer.config, trainer.identity())
        try:
            task, result = trainer.run()
            content = folder.task_file.read_bytes()
        finally:
            folder.release()
    return Task(task.model, task.spec, result=result), content


def task_from_bytes(
    content: bytes, backbone: str | os.PathLike[str] | None, device: Any = None
) -> Task:
    """Load a task from the bytes of its file, validated like any file.

    Raises: LptError as `lpt.load`.
    """
    with TemporaryDirectory(prefix="lpt-load-") as place:
        file = Path(place) / TASK_NAME
        file.write_bytes(content)
        task = load(file, backbone=backbone, device=device)
    task.path = None
    return task
