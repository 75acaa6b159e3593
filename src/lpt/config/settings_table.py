"""All settings as a table: name, type, default and meaning, read from their sections."""

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from lpt.config.run_config import RunConfig

__all__ = ["Setting", "run_settings", "section_settings"]

_NAMES = {int: "integer", float: "number", str: "text", bool: "true or false", dict: "mapping"}
_ENTRY = re.compile(r"^ {4}(\w+(?:, \w+)*): (.*(?:\n {8}.*)*)", re.MULTILINE)


@dataclass(frozen=True)
class Setting:
    """A setting that a user can change.

    Attributes:
        name: dotted, as for `--set`.
        type: what it takes, in words.
        default: its value, as JSON holds it.
        meaning: from the docstring of its section.
    """

    name: str
    type: str
    default: Any
    meaning: str


def run_settings(config: RunConfig | None = None) -> list[Setting]:
    """List all settings of a run, with the values of a configuration; None for the defaults.

    >>> [s.default for s in run_settings() if s.name == "prompts.pool_size"]
    [20]
    """
    return list(section_settings(config or RunConfig()))


def section_settings(section: BaseModel, prefix: str = "") -> Iterator[Setting]:
    """Yield the settings of a section and of those in it, in the order of their definition.

    Args:
        prefix: begins their names, such as "baseline.".
    """
    meanings = _meanings(type(section))
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            yield from section_settings(value, f"{prefix}{name}.")
        else:
            default = section.model_dump(mode="json", include={name})[name]
            yield Setting(prefix + name, _type(field), default, meanings.get(name, ""))


def _meanings(section: type[BaseModel]) -> dict[str, str]:
    """Return the entries under "Attributes:" in the docstrings of a section and its bases."""
    found: dict[str, str] = {}
    for base in reversed(section.__mro__):
        if not issubclass(base, BaseModel):
            continue
        _, _, listed = inspect.cleandoc(base.__doc__ or "").partition("Attributes:\n")
        for names, text in _ENTRY.findall(listed):
            found |= dict.fromkeys(names.split(", "), " ".join(text.split()))
    return found


def _type(field: FieldInfo) -> str:
    """Describe what a field takes: its kind, its choices, its range."""
    return _in_words(field.annotation) + _range(field.metadata)


def _in_words(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " | ".join(map(str, arguments))
    if origin in (Union, UnionType):
        *kinds, last = [a for a in arguments if a is not type(None)]
        words = " or ".join(map(_in_words, (*kinds, last)))
        return f"{words} or null" if type(None) in arguments else words
    if origin is tuple:
        return f"list of {len(arguments)} numbers"
    if hasattr(annotation, "__metadata__"):  # Annotated
        return _in_words(arguments[0]) + _range(annotation.__metadata__)
    return _NAMES.get(origin or annotation, "value")


def _range(metadata: Any) -> str:
    """Bounds such as ">= 0, < 1"; also those within `pydantic.Field`."""
    bounds = []
    for item in metadata:
        for one in getattr(item, "metadata", None) or (item,):
            for name, sign in (("ge", ">="), ("gt", ">"), ("le", "<="), ("lt", "<")):
                bound = getattr(one, name, None)
                if isinstance(bound, int | float):
                    bounds.append(f"{sign} {bound}")
    return f" {', '.join(bounds)}" if bounds else ""
