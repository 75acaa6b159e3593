"""Losses by name: a function, the class counts and the options, bound into one module."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from torch import Tensor, nn

from lpt.errors import ConfigError
from lpt.losses import functional
from lpt.losses.agcl import AGCL_PAPER, AGCL_RELEASED, agcl, gcl

__all__ = ["BoundLoss", "Loss", "build_loss", "loss_names"]

Option = float | int | bool | str | None


@runtime_checkable
class Loss(Protocol):
    """What training asks of a classification loss.

    Attributes:
        needs_noise: whether `noise` changes the value; draw it with `draw_noise` in training.
        options: every option with its value.
        counts: (C,) training images of each class.
    """

    needs_noise: bool
    options: Mapping[str, Option]
    counts: Tensor

    def __call__(
        self,
        cosine: Float[Tensor, "B C"],
        labels: Int[Tensor, " B"],
        noise: Float[Tensor, "B C"] | None = None,
    ) -> Float[Tensor, " B"]:
        """One value an image; `noise` None is none."""
        ...

    def with_options(self, **options: Option) -> "Loss":
        """The same loss with some options changed."""
        ...


def build_loss(name: str, counts: Tensor, **options: Option) -> "BoundLoss":
    """Make a loss of `loss_names()` for classes with these training counts, (C,) whole numbers.

    All take `scale`; the other options are the keyword arguments of the function of the same name
    in `lpt.losses.functional` and `lpt.losses.agcl`. "agcl" also takes `preset`, "released" (the
    default) or "paper", whose numbers other options override.

    Returns: an nn.Module; the counts are a buffer that moves with it and is not saved.
    Raises: ConfigError naming an unknown loss or option, or a value out of range.
    """
    if name not in _LOSSES:
        raise ConfigError(f"loss: unknown '{name}'. Choose one of: {', '.join(_LOSSES)}.")
    if counts.dim() != 1 or counts.is_floating_point() or not (counts >= 0).all():
        raise ConfigError("loss: counts must be whole numbers, at least 0, one for each class.")
    if not counts.any():
        raise ConfigError("loss: no class has a training image. Check the training split.")
    return BoundLoss(name, counts, options)


def loss_names() -> tuple[str, ...]:
    """The names that `build_loss` knows."""
    return tuple(_LOSSES)


@dataclass(frozen=True)
class _Entry:
    function: Callable[..., Tensor]
    presets: Mapping[str, Mapping[str, Option]] = field(default_factory=dict)

    def takes(self, argument: str) -> bool:
        return argument in inspect.signature(self.function).parameters


_LOSSES: Mapping[str, _Entry] = {
    "ce": _Entry(functional.cross_entropy),
    "focal": _Entry(functional.focal),
    "ldam": _Entry(functional.ldam),
    "balanced-softmax": _Entry(functional.balanced_softmax),
    "logit-adjustment": _Entry(functional.logit_adjustment),
    "class-balanced": _Entry(functional.class_balanced),
    "gcl": _Entry(gcl),
    # The first preset is the default.
    "agcl": _Entry(agcl, {"released": asdict(AGCL_RELEASED), "paper": asdict(AGCL_PAPER)}),
}


class BoundLoss(nn.Module):
    """A loss function with its class counts and checked options."""

    counts: Tensor

    def __init__(self, name: str, counts: Int[Tensor, " C"], options: Mapping[str, Option]) -> None:
        super().__init__()
        entry = _LOSSES[name]
        self.name = name
        self.needs_noise = entry.takes("noise")
        self.options: Mapping[str, Option] = _checked(name, entry, options)
        self._function = entry.function
        self._takes_counts = entry.takes("counts")
        self.register_buffer("counts", counts.detach().to(torch.int64).clone(), persistent=False)

    def forward(
        self,
        cosine: Float[Tensor, "B C"],
        labels: Int[Tensor, " B"],
        noise: Float[Tensor, "B C"] | None = None,
    ) -> Float[Tensor, " B"]:
        """One value an image; `noise` None is none."""
        arguments: dict[str, Any] = dict(self.options)
        if self._takes_counts:
            arguments["counts"] = self.counts
        if self.needs_noise:
            arguments["noise"] = noise
        return self._function(cosine, labels, **arguments)

    def with_options(self, **options: Option) -> "BoundLoss":
        """The same loss, on the same device, with some options changed; a preset changes all."""
        kept = {} if "preset" in options else self.options
        return BoundLoss(self.name, self.counts, {**kept, **options})

    def extra_repr(self) -> str:
        """Name, classes and options, for printing."""
        options = ", ".join(f"{key}={value}" for key, value in self.options.items())
        return f"{self.name}, classes={len(self.counts)}, {options}"


def _checked(name: str, entry: _Entry, options: Mapping[str, Option]) -> Mapping[str, Option]:
    given = dict(options)
    if entry.presets:
        preset = given.pop("preset", next(iter(entry.presets)))
        if preset not in entry.presets:
            choice = ", ".join(entry.presets)
            raise ConfigError(f"loss {name}: unknown preset '{preset}'. Choose one of: {choice}.")
        given = {**entry.presets[str(preset)], **given}
    schema = _schema(entry.function)
    known = [*schema.model_fields, *(["preset"] if entry.presets else [])]
    unknown = [option for option in given if option not in known]
    if unknown:
        raise ConfigError(f"loss {name}: unknown option '{unknown[0]}'. Known: {', '.join(known)}.")
    try:
        return schema(**given).model_dump()
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(
            f"loss {name}: {first['loc'][0]} = {first['input']!r} will not do: {first['msg']}."
        ) from error


def _schema(function: Callable[..., Tensor]) -> type[BaseModel]:
    """The options of a loss function: its keyword-only arguments with their ranges and defaults."""
    fields: dict[str, Any] = {
        parameter.name: (
            parameter.annotation,
            ... if parameter.default is parameter.empty else parameter.default,
        )
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.name != "noise"
    }
    return create_model("Options", __config__=ConfigDict(extra="forbid"), **fields)
