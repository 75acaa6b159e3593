"""A loaded task before any image: its names, groups, transform and measurements."""

import os
from collections.abc import Callable
from copy import copy
from pathlib import Path
from typing import Any, Self, get_args

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from lpt.backbones import FrozenViT
from lpt.backbones.compact.weight_type import WeightType
from lpt.data.class_groups import ClassGroups
from lpt.data.images.transforms import Transform
from lpt.errors import ParameterError
from lpt.machine.devices import choose_device
from lpt.model.two_pass import LongTailedPromptModel
from lpt.task.call_checks import check_load
from lpt.task.class_prior import PriorInput, task_prior
from lpt.task.inference.run_split import transform_of
from lpt.task.run_result import Result, read_result
from lpt.task_file import TaskSpec, load_task
from lpt.task_records import MatchMode

__all__ = ["LoadedTask"]

Floats = npt.NDArray[np.floating[Any]]


class LoadedTask:
    """A trained model with its metadata; `Task` adds the use of it.

    Attributes:
        model: prompts and classifier on their frozen backbone, in eval mode.
        spec: the metadata of the task file.
        path: the run folder or task file that the task came from; None if there is none.
        prior: (C,) class frequencies that predictions hold under; None for the task's own.
        match: how group prompts are matched (`with_match`).
    """

    match: MatchMode

    def __init__(
        self,
        model: LongTailedPromptModel,
        spec: TaskSpec,
        *,
        result: Result | None = None,
        path: Path | None = None,
        prior: Floats | None = None,
    ) -> None:
        self.model = model.eval()
        self.spec = spec
        self.path = path
        self.prior = prior
        self.match = spec.match
        self._result = result

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        backbone: FrozenViT | str | None = None,
        device: str | torch.device | None = None,
        backbone_weights: WeightType = "float32",
    ) -> Self:
        """Load a run folder or a task file; see `lpt.load`."""
        check_load(path, backbone, backbone_weights)
        chosen, given = choose_device(device), Path(path)
        file = given / "task.safetensors" if given.is_dir() else given
        model, spec = load_task(file, backbone, weights=backbone_weights)
        return cls(model.to(chosen), spec, path=given)

    def __repr__(self) -> str:
        """Name, number of classes and backbone."""
        spec = self.spec
        return f"<lpt.Task {spec.name!r}: {len(spec.class_names)} classes, {spec.backbone.name}>"

    @property
    def result(self) -> Result | None:
        """Measurements of the run that trained the task; None if it came from a task file alone.

        Raises: RunError if results.json of the run folder is damaged.

        >>> lpt.load("runs/digits", device="cpu").result.metrics["phase2"]["test"]["many"] > 0.9
        True
        """
        if self._result is None and self.path is not None and self.path.is_dir():
            self._result = read_result(self.path)
        return self._result

    @property
    def arithmetic(self) -> str:
        """What the bits of predictions depend on: device, and matching and weights if unusual."""
        kept = self.model.backbone.weights
        own = "" if self.match == "exact" else f" {self.match}"
        own += "" if kept == "float32" else f" {kept} weights"
        return f"{next(self.model.parameters()).device.type}{own}"

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the C classes in index order: the columns of `predict_proba`."""
        return self.spec.class_names

    @property
    def groups(self) -> ClassGroups:
        """The bounds of the shot groups (many, medium, few) that the task was trained with."""
        return ClassGroups(self.spec.many_above, self.spec.few_below)

    @property
    def transform(self) -> Transform:
        """The transform from an upright RGB image to the input of the backbone."""
        return self.transform_with()

    def with_prior(self, prior: PriorInput) -> Self:
        """Return this task for images whose classes have other frequencies.

        Probabilities, predictions and scores hold under these; features do not change. The new task
        shares model and backbone with this one.

        Args:
            prior: "uniform"; "training" for the frequencies of the training images; a CSV file with
                the columns class and count, or a JSON object; a mapping from class names; or (C,)
                numbers. Classes left out have frequency 0.
        Raises: DataError or ParameterError naming an unknown class or a value that is no frequency.

        >>> task = lpt.load("runs/digits", device="cpu")
        >>> rare = task.with_prior({"7": 1, "5": 99})
        >>> before, after = task.predict_proba("7.png")[0], rare.predict_proba("7.png")[0]
        >>> bool(after[7] < before[7]), bool(after[0] < 1e-6)
        (True, True)
        """
        changed = copy(self)
        changed.prior = task_prior(self.spec, prior)
        return changed

    def with_match(self, match: MatchMode) -> Self:
        """Return this task with another way of matching group prompts.

        The new task shares model and backbone with this one.

        Args:
            match: "exact" matches by the query. "early" matches by an estimate of it, which halves
                the work behind block K. "auto" computes the query where the estimate is not clear.
        Raises: ParameterError for another word, or for a task without the map of the estimate.

        >>> task = lpt.load("runs/digits", device="cpu")
        >>> task.with_match("exact").match
        'exact'
        """
        if match not in get_args(MatchMode):
            raise ParameterError(f"`match` {match}: choose {', '.join(get_args(MatchMode))}.")
        if match != "exact" and self.spec.early is None:
            name = self.spec.name if self.path is None else self.path
            raise ParameterError(
                f"`match` {match}: the task {name} has no map for it. Train it with "
                f"prompts.match={match}, or leave it out."
            )
        changed = copy(self)
        changed.match = match
        return changed

    def transform_with(
        self,
        *,
        border: int = 0,
        corruption: Callable[[Image.Image], Image.Image] | None = None,
    ) -> Transform:
        """Return `transform` for images with a border to crop (in pixels), or to be corrupted."""
        return transform_of(self.spec, border, corruption)
