"""The signature of a loss function: its options, and what it needs from training."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from torch import Tensor

from lpt.arguments import number_for_bool
from lpt.errors import ConfigError
from lpt.escape import described

__all__ = ["LossEntry", "Option"]

Option = float | int | bool | str | None

FROM_TRAINING = ("noise", "feature", "progress")
"""Keyword-only parameters that training fills in; no options."""


@dataclass(frozen=True)
class LossEntry:
    """A loss function with its presets.

    Attributes:
        function: as `lpt.losses.register_loss` describes it.
        presets: options by name of the preset; the first is the default.
    """

    function: Callable[..., Tensor]
    presets: Mapping[str, Mapping[str, Option]] = field(default_factory=dict)

    @classmethod
    def checked(
        cls,
        name: str,
        function: Callable[..., Tensor],
        presets: Mapping[str, Mapping[str, Option]],
    ) -> "LossEntry":
        """Make an entry of a function from outside.

        Raises: ConfigError if its signature or a preset does not fit.
        """
        entry = cls(function, presets)
        first, *others = entry.parameters.values() or [None]
        positional = [p.name for p in (first, *others) if p and p.kind is not p.KEYWORD_ONLY]
        if len(positional) < 2 or positional[2:] not in ([], ["counts"]):
            raise ConfigError(
                f"loss {name}: its function takes ({', '.join(positional)}). Wanted: (cosine, "
                "labels) or (cosine, labels, counts), and options by keyword only."
            )
        for parameter in entry.options:
            if parameter.annotation is parameter.empty:
                raise ConfigError(
                    f"loss {name}: option '{parameter.name}' has no type. Annotate it, such as "
                    f"{parameter.name}: float."
                )
        for preset in presets:
            entry.complete(name, {"preset": preset})
        return entry

    @cached_property
    def parameters(self) -> Mapping[str, inspect.Parameter]:
        """Parameters of the function by name, annotations evaluated."""
        return inspect.signature(self.function, eval_str=True).parameters

    @property
    def options(self) -> list[inspect.Parameter]:
        """The keyword-only parameters that are options."""
        return [
            p
            for p in self.parameters.values()
            if p.kind is p.KEYWORD_ONLY and p.name not in (*FROM_TRAINING, "counts")
        ]

    @cached_property
    def schema(self) -> type[BaseModel]:
        """The options as a model: types, ranges and defaults of the signature."""
        fields: dict[str, Any] = {
            p.name: (p.annotation, ... if p.default is p.empty else p.default) for p in self.options
        }
        return create_model("Options", __config__=ConfigDict(extra="forbid"), **fields)

    def takes(self, argument: str) -> bool:
        """Whether the function has a parameter of that name."""
        return argument in self.parameters

    def requires(self, argument: str) -> bool:
        """Whether the function has a parameter of that name without a default."""
        return self.takes(argument) and self.parameters[argument].default is inspect.Parameter.empty

    def complete(self, name: str, options: Mapping[str, Option]) -> dict[str, Option]:
        """Check options and fill in presets and defaults.

        Args:
            name: of the loss, for messages.
        Raises: ConfigError naming the option, its value and what is allowed.
        """
        given = dict(options)
        if self.presets:
            preset = given.pop("preset", next(iter(self.presets)))
            if not isinstance(preset, str) or preset not in self.presets:
                choice = ", ".join(self.presets)
                shown = preset if isinstance(preset, str) else described(preset)
                raise ConfigError(
                    f"loss {name}: unknown preset '{shown}'. Choose one of: {choice}."
                )
            given = {**self.presets[preset], **given}
        known = [*self.schema.model_fields, *(["preset"] if self.presets else [])]
        unknown = [option for option in given if option not in known]
        if unknown:
            raise ConfigError(
                f"loss {name}: unknown option '{unknown[0]}'. Known: {', '.join(known)}."
            )
        for option, value in given.items():
            if number_for_bool(self.schema.model_fields[option].annotation, value):
                raise ConfigError(f"loss {name}: {option} = {value} is invalid: give a number.")
        try:
            return self.schema(**given).model_dump()
        except ValidationError as error:
            first = error.errors()[0]
            raise ConfigError(
                f"loss {name}: {first['loc'][0]} = {described(first['input'])} is invalid: "
                f"{first['msg']}."
            ) from error
        except OverflowError as error:  # an integer that is no float
            raise ConfigError(
                f"loss {name}: {described(options)} is invalid: a value is too large."
            ) from error
