"""A run that starts from a trained task: its prompts, its keys, and its classes by name.

A copy of the task lies in the run folder, so that a resumed run needs nothing from elsewhere.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from lpt.errors import ConfigError, RunError, TaskFileError
from lpt.escape import printable, shortened
from lpt.files.atomic_files import write_bytes
from lpt.files.regular_files import read_regular
from lpt.model.two_pass import LongTailedPromptModel
from lpt.progress import listed, plural
from lpt.task.editing.place_class import OldImages, place_class
from lpt.task.editing.task_parts import TaskParts, read_parts
from lpt.task_spec import LIMITS, PARAMETERS
from lpt.training.phases.initialization import start_classifier
from lpt.training.phases.phase import Phase
from lpt.training.phases.start_settings import task_file_of
from lpt.training.processes.shared_evaluation import shared_features
from lpt.training.run.run_folder import RunFolder
from lpt.training.run.run_records import read_identity
from lpt.training.run.training_context import TrainingContext

__all__ = ["TaskStart"]

FILE = "start.safetensors"
START = "start"
"""In identity.json: the SHA-256 of the task that the run starts from."""

MOST_NAMED = 5
PHOTOS = 20
"""Images of a class that its first direction is computed from."""


@dataclass(frozen=True)
class TaskStart:
    """The task that a run starts from.

    Attributes:
        origin: the path that the user gave.
        file: its task file, or the copy in the run folder.
        parts: metadata and tensors.
    """

    origin: str
    file: Path
    parts: TaskParts

    @classmethod
    def read(cls, task: str | os.PathLike[str]) -> "TaskStart":
        """Read a run folder or task file. Raises: TaskFileError if it is damaged."""
        file = task_file_of(task)
        return cls(os.fspath(task), file, read_parts(file))

    @classmethod
    def of_run(cls, folder: RunFolder) -> "TaskStart | None":
        """Read what an existing run started from; None if it started from nothing.

        Raises: RunError if the copy in its folder is missing or another one.
        """
        recorded = read_identity(folder.identity_file).get(START)
        file = folder.path / FILE
        if recorded is None:
            return None
        if not file.is_file():
            raise RunError(
                f"{file}: is missing; the run started from it. Restore it, or start a new run."
            )
        parts = read_parts(file)
        if parts.digest != recorded:
            raise RunError(
                f"{file}: is not the task that the run started from. Restore it, or start a new "
                "run in another folder."
            )
        return cls(str(file), file, parts)

    @property
    def identity(self) -> dict[str, str]:
        """What the run records about its start."""
        return {START: self.parts.digest}

    def save(self, folder: Path) -> None:
        """Copy the task into the run folder."""
        data = read_regular(self.file, LIMITS.file_bytes, error=TaskFileError)
        write_bytes(folder / FILE, data)

    def prepare(
        self, context: TrainingContext, model: LongTailedPromptModel, phases: Sequence[Phase]
    ) -> tuple[Phase, ...]:
        """Return the phases of a run, so that they start from the task.

        Args:
            context: of the run; the history of the task becomes that of the run.
            model: of the run.
            phases: the usual ones.
        Raises: ConfigError if the backbone or the sizes of prompts differ.
        """
        self._check(context, model)
        new = self._new(context.data.class_names)
        context.history = self.parts.history_with("init-from", tuple(new))
        return tuple(map(self._started, phases))

    def describe(self, class_names: Sequence[str]) -> str:
        """Describe what is taken over, in one line per fact."""
        own, new = self.parts.spec, self._new(class_names)
        gone = [name for name in own.class_names if name not in set(class_names)]
        taken = "prompts and keys" if own.phases == 2 else "shared prompts"
        taken += ", adapters" if own.adapter_width else ""
        both = len(class_names) - len(new)
        lines = [
            f"start     {printable(self.origin)}: {taken}, and "
            f"{plural(both, 'class', 'classes')} of {len(class_names):,}"
        ]
        lines += [
            f"{title:<10}{plural(len(names), 'class', 'classes')}: {_named(names)}"
            for title, names in (("new", new), ("dropped", gone))
            if names
        ]
        return "\n".join(lines)

    def _new(self, class_names: Sequence[str]) -> list[str]:
        known = set(self.parts.spec.class_names)
        return [name for name in class_names if name not in known]

    def _check(self, context: TrainingContext, model: LongTailedPromptModel) -> None:
        spec, own = self.parts.spec, context.backbone.spec
        if spec.backbone.sha256 != own.sha256:
            raise ConfigError(
                f"{self.origin}: was trained on the backbone {spec.backbone.name}, not on "
                f"{own.name}. Leave `backbone` out."
            )
        shapes = {name: tuple(value.shape) for name, value in self._prompts(model).items()}
        for name, shape in shapes.items():
            if tuple(self.parts.tensors[name].shape) != shape:
                raise ConfigError(
                    f"{self.origin}: its {name.replace('_', ' ')} have the sizes "
                    f"{tuple(self.parts.tensors[name].shape)}, but the settings ask for {shape}. "
                    "Leave the settings of prompts out."
                )

    def _prompts(self, model: LongTailedPromptModel) -> dict[str, Tensor]:
        tensors = self.parts.tensors
        names = [n for n in tensors if n != "classifier" and not n.startswith("early_")]
        return {name: model.get_parameter(PARAMETERS[name]) for name in names}

    def _started(self, phase: Phase) -> Phase:
        """Return a phase that starts from the task where the task has what it trains."""
        if phase.number == 1:
            return replace(phase, start=self._start_first, start_passes=lambda _: 1)
        if self.parts.spec.phases == 2:
            return replace(phase, start=_keep, start_passes=lambda _: 0)
        return phase

    @torch.no_grad()
    def _start_first(self, model: LongTailedPromptModel, context: TrainingContext) -> None:
        for name, own in self._prompts(model).items():
            own.copy_(self.parts.tensors[name])
        names = context.data.class_names
        place = {name: i for i, name in enumerate(self.parts.spec.class_names)}
        old = [i for i, name in enumerate(names) if name in place]
        new = [i for i, name in enumerate(names) if name not in place]
        if len(old) < 2:  # nothing to compare a new class with
            start_classifier(model, context)
        if not old:
            return
        rows = self.parts.classifier[[place[names[i]] for i in old]]
        model.classifier.weight[old] = rows.to(model.classifier.weight)
        if new and len(old) >= 2:
            placed = _placed(model, context, old, new) * rows.norm(dim=1).mean()
            model.classifier.weight[new] = placed.to(model.classifier.weight)


def _placed(
    model: LongTailedPromptModel, context: TrainingContext, old: list[int], new: list[int]
) -> Tensor:
    """Directions of new classes: (len(new), D), from images of theirs and of the old classes."""
    split = context.some_of_each_class(PHOTOS)
    features = shared_features(
        context, lambda images: model.phase1(images).feature, split, "directions of new classes"
    )
    unit = F.normalize(model.classifier.weight[old].float().cpu(), dim=1)
    cosines = F.normalize(features, dim=1) @ unit.T
    labels = torch.from_numpy(split.labels)
    index = torch.full((len(context.data.class_names),), -1)
    index[old] = torch.arange(len(old))
    known = index[labels] >= 0
    reference = OldImages(
        features[known].numpy(), cosines[known].numpy(), index[labels][known].numpy()
    )
    directions = []
    for one in new:
        own = labels == one
        found = place_class(
            features[own].numpy(), cosines[own].numpy(), reference, reference, most_lost=1.0
        )
        directions.append(torch.from_numpy(found.direction))
    return torch.stack(directions)


def _keep(model: LongTailedPromptModel, context: TrainingContext) -> None:
    """Leave group prompts and keys as they are."""


def _named(names: Sequence[str]) -> str:
    return listed([printable(shortened(name, 60)) for name in names], MOST_NAMED)
