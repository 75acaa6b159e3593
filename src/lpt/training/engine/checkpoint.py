"""Checkpoints: trainable tensors, optimiser state and position, as safetensors without pickle.

Sampling, augmentation, noise and dropout are functions of (seed, stage, epoch, step), so a
checkpoint holds no random state.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from lpt.errors import RunError
from lpt.files import write_atomic

__all__ = [
    "Checkpoint",
    "Position",
    "load_trainable",
    "optimizer_state",
    "put_back",
    "restore_optimizer",
    "trainable_state",
]

VERSION = 1


@dataclass(frozen=True, order=True)
class Position:
    """The next step: index of the stage, epoch, and step within the epoch, all counted from 0.

    >>> Position(0, 3, 7) < Position(1)
    True
    """

    stage: int = 0
    epoch: int = 0
    step: int = 0


@dataclass(frozen=True)
class Checkpoint:
    """State of a run between two steps, as stored in `checkpoints/last.safetensors`.

    Attributes:
        position: the next step.
        trainable: every tensor of the model outside its backbone, by name. On disk these names
            begin with "learned.".
        optimizer: state of the optimiser, by "parameter index.name".
        sums: running sums of this epoch's metrics, by name.
        seconds: wall-clock time of each stage so far, by stage name; includes its initialisation,
            its view cache and earlier processes of the same run.
        best: score and epoch of this stage's best weights; None before the first validation.
        peak_memory: highest memory use so far in bytes (`lpt.devices.peak_memory`); includes
            earlier processes of the same run.
        micro_batch: images per micro-batch in this stage; None for the whole step.
    """

    position: Position
    trainable: Mapping[str, Tensor]
    optimizer: Mapping[str, Tensor] = field(default_factory=dict)
    sums: Mapping[str, float] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    best: tuple[float, int] | None = None
    peak_memory: int = 0
    micro_batch: int | None = None

    def spent(self, stage: str, seconds: float) -> "Checkpoint":
        """Return a copy with `seconds` added to the time of a stage."""
        return replace(self, seconds={**self.seconds, stage: self.seconds.get(stage, 0) + seconds})

    def save(self, path: Path) -> None:
        """Write atomically: an interruption leaves either the old checkpoint or the new one."""
        tensors = {f"learned.{k}": v.detach().cpu().contiguous() for k, v in self.trainable.items()}
        tensors |= {f"optimizer.{k}": v.cpu().contiguous() for k, v in self.optimizer.items()}
        state = {
            "version": VERSION,
            "position": asdict(self.position),
            "sums": dict(self.sums),
            "seconds": dict(self.seconds),
            "best": self.best,
            "peak_memory": self.peak_memory,
            "micro_batch": self.micro_batch,
        }
        metadata = {"lpt_checkpoint": json.dumps(state)}
        write_atomic(path, lambda temporary: save_file(tensors, temporary, metadata))

    @classmethod
    def load(cls, path: Path) -> "Checkpoint":
        """Read a checkpoint.

        Raises: RunError naming the file if it is damaged or has another version.
        """
        try:
            with safe_open(path, framework="pt") as file:
                state = json.loads((file.metadata() or {})["lpt_checkpoint"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if state["version"] != VERSION:
                raise RunError(
                    f"{path}: checkpoint version {state['version']}, but this lpt reads {VERSION}. "
                    "Resume the run with the lpt version that started it."
                )
            return cls(
                Position(**state["position"]),
                _under("learned.", tensors),
                _under("optimizer.", tensors),
                state["sums"],
                state["seconds"],
                None if state["best"] is None else (state["best"][0], state["best"][1]),
                state.get(
                    "peak_memory", 0
                ),  # absent from the oldest checkpoints, as is the next one
                state.get("micro_batch"),
            )
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise RunError(
                f"{path}: damaged checkpoint ({error}). Start a new run in another folder."
            ) from error


def trainable_state(model: nn.Module) -> dict[str, Tensor]:
    """Copy all tensors of a model except those of its backbone."""
    return {
        name: tensor.detach().clone()
        for name, tensor in model.state_dict().items()
        if not name.startswith("backbone.")
    }


def load_trainable(model: nn.Module, trainable: Mapping[str, Tensor], origin: Path | str) -> None:
    """Load tensors that `trainable_state` copied into a model.

    Args:
        origin: file or source named in the error.
    Raises: RunError if names or shapes differ from the model's; the model is unchanged then.
    """
    own = {k: v for k, v in model.state_dict().items() if not k.startswith("backbone.")}
    put_back(own, trainable, origin)


def put_back(own: Mapping[str, Tensor], saved: Mapping[str, Tensor], origin: Path | str) -> None:
    """Copy saved tensors into those of the same name, in place.

    Args:
        origin: file or source named in the error.
    Raises: RunError if names or shapes differ; nothing is copied then.
    """
    if own.keys() != saved.keys() or any(own[k].shape != saved[k].shape for k in own):
        raise RunError(f"{origin}: its weights do not fit this run's configuration.")
    with torch.no_grad():
        for name, value in saved.items():
            own[name].copy_(value)


def optimizer_state(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Flatten an optimiser's state to tensors named "parameter index.name"."""
    state = optimizer.state_dict()["state"]
    return {
        f"{index}.{name}": torch.as_tensor(value)
        for index, values in state.items()
        for name, value in values.items()
        if value is not None
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, flat: Mapping[str, Tensor]) -> None:
    """Load a state that `optimizer_state` flattened."""
    state = optimizer.state_dict()
    nested: dict[int, dict[str, Tensor]] = {}
    for name, value in flat.items():
        index, _, key = name.partition(".")
        nested.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({"state": nested, "param_groups": state["param_groups"]})


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
