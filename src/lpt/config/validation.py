"""Wrong settings in words of one line."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from lpt.errors import ConfigError

__all__ = ["validated"]

Model = TypeVar("Model", bound=BaseModel)

_WORDS = {
    "int_": "a whole number, such as 5",
    "float_": "a number, such as 0.5",
    "bool_": "true or false",
    "string_type": "text",
    "dict_type": "a mapping, written as NAME.KEY=VALUE",
    "greater_than_equal": "at least {ge:g}",
    "greater_than": "more than {gt:g}",
    "less_than_equal": "at most {le:g}",
    "less_than": "less than {lt:g}",
    "finite_number": "a finite number",
    "literal_error": "one of {expected}",
}
"""By the beginning of pydantic's error types; the first that fits."""

_ALSO_CALLED = {"rate": "lr", "learning_rate": "lr", "batch": "batch_size", "k": "top_k"}
"""What other programs call these settings."""


def validated(model: type[Model], tree: Mapping[str, Any], origin: str) -> Model:
    """Build a model of a tree of settings.

    Args:
        origin: what the settings come from: words that an error begins with.
    Raises: ConfigError naming setting, value and what is allowed.
    """
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(_explain(model, error, origin)) from error


def _explain(model: type[BaseModel], error: ValidationError, origin: str) -> str:
    first = error.errors()[0]
    path = ".".join(str(part) for part in first["loc"]) or "configuration"
    if first["type"] == "extra_forbidden":
        section: Any = model
        for part in first["loc"][:-1]:
            section = section.model_fields[str(part)].annotation
        known = ", ".join(section.model_fields)
        meant = _meant(model, path)
        there = f"Known here: {known}." if known else "There are no settings here."
        return f"{origin} {path}: unknown. {meant or there}"
    if first["type"] == "value_error":  # said of a whole section, by one of our own validators
        return f"{origin} {path}: {first['msg'].removeprefix('Value error, ')}."
    return f"{origin} {path}={first['input']!r:.100}: {_wanted(first)}."


def _meant(model: type[BaseModel], path: str) -> str:
    """Settings of that last name, or of a like one; "" for none."""
    section, _, last = path.rpartition(".")
    last = _ALSO_CALLED.get(last, last)
    names = sorted(_names(model), key=lambda name: not name.startswith(section))
    alike = get_close_matches(path, names, cutoff=0.8)
    found = [name for name in names if name.rpartition(".")[2] == last] or alike
    return f"Did you mean {' or '.join(found[:3])}?" if found else ""


def _names(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every setting by its dotted name, sections included."""
    for name, field in model.model_fields.items():
        yield prefix + name
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _names(field.annotation, f"{prefix}{name}.")


def _wanted(error: ErrorDetails) -> str:
    """What is allowed, in plain words where pydantic speaks of parsing."""
    kind, limits = error["type"], error.get("ctx", {})
    for start, words in _WORDS.items():
        if kind.startswith(start):
            return "must be " + words.format(**limits)
    return error["msg"]
