"""Checkpoints: trainable tensors, optimiser state and position, as safetensors without pickle.

Sampling, augmentation, noise and dropout are functions of (seed, stage, epoch, step), so a
checkpoint holds no random state.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated

import torch
from pydantic import ConfigDict, Field, TypeAdapter
from safetensors.torch import load, save, save_file
from torch import Tensor, nn

from lpt.config.ranges import MAX_EPOCHS
from lpt.errors import RunError
from lpt.files.atomic_files import write_atomic
from lpt.files.json_files import Count, Number, Record, validated_json
from lpt.files.tensor_files import TensorFile, TensorLimits
from lpt.training.engine.weight_average import AVERAGE_STATES

__all__ = [
    "Checkpoint",
    "Position",
    "load_trainable",
    "optimizer_state",
    "put_back",
    "read_tensors",
    "restore_optimizer",
    "trainable_state",
]

VERSION = 1

_LIMITS = TensorLimits(file_bytes=2**36)
_REMEDY = "Start a new run in another folder."


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
        peak_memory: highest memory use so far in bytes (`lpt.machine.devices.peak_memory`);
            includes earlier processes of the same run.
        micro_batch: images per micro-batch in this stage; None for the whole step.
        origin: the file that it was read from, for messages; not stored.
    """

    position: Position
    trainable: Mapping[str, Tensor]
    optimizer: Mapping[str, Tensor] = field(default_factory=dict)
    sums: Mapping[str, float] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    best: tuple[float, int] | None = None
    peak_memory: int = 0
    micro_batch: int | None = None
    origin: str = field(default="checkpoint", compare=False)

    def spent(self, stage: str, seconds: float) -> "Checkpoint":
        """Return a copy with `seconds` added to the time of a stage."""
        return replace(self, seconds={**self.seconds, stage: self.seconds.get(stage, 0) + seconds})

    def check_within(self, stage: int, epochs: int, steps: int) -> None:
        """Check that the position is one of a stage.

        Args:
            stage: index of the stage.
            epochs, steps: number of epochs, and of steps per epoch.
        Raises: RunError naming the file.
        """
        at = self.position
        if at.stage != stage or (at.epoch, at.step) > (epochs, 0) or at.step >= max(steps, 1):
            raise RunError(
                f"{self.origin}: damaged checkpoint (step {at.step:,} of epoch {at.epoch:,} of "
                f"stage {at.stage:,}; there are {epochs:,} epochs of {steps:,} steps). {_REMEDY}"
            )

    def save(self, path: Path) -> None:
        """Write atomically: an interruption leaves either the old checkpoint or the new one."""
        tensors, metadata = self._stored()
        write_atomic(path, lambda temporary: save_file(tensors, temporary, metadata))

    def to_bytes(self) -> bytes:
        """Return the content of its file, for other processes."""
        return save(*self._stored())

    def _stored(self) -> tuple[dict[str, Tensor], dict[str, str]]:
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
        return tensors, {"lpt_checkpoint": json.dumps(state)}

    @classmethod
    def load(cls, path: Path) -> "Checkpoint":
        """Read a checkpoint.

        Raises: RunError naming the file if it is damaged or has another version.
        """
        return cls._of(*read_tensors(path, "damaged checkpoint"), path)

    @classmethod
    def of_bytes(cls, data: bytes, path: Path) -> "Checkpoint":
        """Return a checkpoint that another process has read and checked (`to_bytes`)."""
        length = int.from_bytes(data[:8], "little")
        metadata = json.loads(data[8 : 8 + length])["__metadata__"]
        return cls._of(load(data), metadata, path)

    @classmethod
    def _of(
        cls, tensors: Mapping[str, Tensor], metadata: Mapping[str, str], path: Path
    ) -> "Checkpoint":
        def damaged(reason: str) -> RunError:
            return RunError(f"{path}: damaged checkpoint ({reason}). {_REMEDY}")

        text = metadata.get("lpt_checkpoint", "")
        version = validated_json(_VERSION, text, damaged).version
        if version != VERSION:
            raise RunError(
                f"{path}: checkpoint version {version}, but this lpt reads {VERSION}. "
                "Resume the run with the lpt version that started it."
            )
        state = validated_json(_STATE, text, damaged)
        return cls(
            Position(**state.position.model_dump()),
            _under("learned.", tensors),
            _under("optimizer.", tensors),
            state.sums,
            state.seconds,
            state.best,
            state.peak_memory,
            state.micro_batch,
            str(path),
        )


class _Version(Record):
    model_config = ConfigDict(extra="ignore")

    version: int


class _Position(Record):
    stage: Annotated[int, Field(ge=0, le=1000)]
    epoch: Annotated[int, Field(ge=0, le=MAX_EPOCHS)]
    step: Annotated[int, Field(ge=0, le=2**40)]


class _State(Record):
    """The metadata of a checkpoint. The oldest lack the last two fields."""

    version: int
    position: _Position
    sums: dict[str, Number]
    seconds: dict[str, Annotated[float, Field(ge=0, le=1e12)]]
    best: tuple[Number, Count] | None
    peak_memory: Count = 0
    micro_batch: Annotated[int, Field(ge=1, le=2**40)] | None = None


_VERSION, _STATE = TypeAdapter(_Version), TypeAdapter(_State)


def read_tensors(path: Path, damaged: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a safetensors file of a run: tensors and metadata, by name.

    Args:
        damaged: how the message about a damaged file begins.
    Raises: RunError naming the file if it is damaged or holds values that are not finite.
    """
    with TensorFile(path, _LIMITS, RunError, damaged=damaged, remedy=_REMEDY) as file:
        tensors = file.read_all()
        for name, tensor in tensors.items():
            if not torch.isfinite(tensor).all():
                raise RunError(f"{path}: {damaged} ({name} is not finite). {_REMEDY}")
        return tensors, file.metadata


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
    if own.keys() != saved.keys() or any(
        (own[k].shape, own[k].dtype) != (saved[k].shape, saved[k].dtype) for k in own
    ):
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


def restore_optimizer(
    optimizer: torch.optim.Optimizer, flat: Mapping[str, Tensor], origin: Path | str = "checkpoint"
) -> None:
    """Load a state that `optimizer_state` flattened.

    Args:
        origin: file or source named in the error.
    Raises: RunError if the state is not one of this optimiser's parameters; it is unchanged then.
    """
    state = optimizer.state_dict()
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    nested: dict[int, dict[str, Tensor]] = {}
    for name, value in flat.items():
        index, _, key = name.partition(".")
        number = int(index) if index.isdecimal() and len(index) < 8 else len(parameters)
        if number >= len(parameters) or value.shape not in ((), parameters[number].shape):
            raise _unfit(origin, f"its optimiser state {name[:100]}")
        nested.setdefault(number, {})[key] = value
    names = _STATES.get(type(optimizer))
    if names is not None and any(
        values.keys() not in (names, names | AVERAGE_STATES) for values in nested.values()
    ):
        raise _unfit(origin, "its optimiser state")
    optimizer.load_state_dict({"state": nested, "param_groups": state["param_groups"]})


_STATES: Mapping[type, set[str]] = {
    torch.optim.AdamW: {"step", "exp_avg", "exp_avg_sq"},
    torch.optim.SGD: {"momentum_buffer"},
}


def _unfit(origin: Path | str, what: str) -> RunError:
    return RunError(f"{origin}: {what} does not fit this run's configuration. {_REMEDY}")


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
