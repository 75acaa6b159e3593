"""Turn validation errors of pydantic into one line with setting, value and remedy."""

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from lpt.errors import ConfigError
from lpt.escape import described

__all__ = ["setting_names", "validated", "wanted"]

Model = TypeVar("Model", bound=BaseModel)

_WORDS = {
    "int_": "a whole number, such as 5",
    "float_": "a number, such as 0.5",
    "bool_": "true or false",
    "string_type": "text",
    "string_too_long": "at most {max_length:,} characters long",
    "dict_attributes_type": "a mapping",
    "dict_type": "a mapping, written as NAME.KEY=VALUE",
    "greater_than_equal": "at least {ge:g}",
    "greater_than": "more than {gt:g}",
    "less_than_equal": "at most {le:,.10g}",
    "less_than": "less than {lt:g}",
    "finite_number": "a finite number",
    "literal_error": "one of {expected}",
}
"""By prefix of pydantic's error types; the first match counts."""

_KINDS = ("float", "bool", "str", "int")

_ALSO_CALLED = {"rate": "lr", "learning_rate": "lr", "batch": "batch_size", "k": "top_k"}
"""Names that other programs use for these settings."""


def validated(
    model: type[Model],
    tree: Mapping[str, Any],
    origin: str,
    line_of: Callable[[tuple[str, ...]], int | None] = lambda _: None,
) -> Model:
    """Validate a tree of settings.

    Args:
        origin: where the settings come from; errors begin with it.
        line_of: returns the line of a setting in its file; None if it is not known.
    Raises: ConfigError naming setting, value and what is allowed.
    """
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        line = line_of(tuple(map(str, error.errors()[0]["loc"])))
        place = origin if line is None else f"{origin}, line {line}:"
        raise ConfigError(_explain(model, error, place)) from error
    except (OverflowError, RecursionError) as error:  # numbers or nesting beyond all ranges
        raise ConfigError(f"{origin}: a value is too large. Correct it.") from error


def _explain(model: type[BaseModel], error: ValidationError, origin: str) -> str:
    first = error.errors()[0]
    parts = first["loc"]
    if len(parts) > 1 and parts[-1] in _KINDS:  # the kind that a value of several kinds is not
        parts = parts[:-1]
    path = ".".join(map(str, parts)) or "configuration"
    if first["type"] == "extra_forbidden":
        section: Any = model
        for part in first["loc"][:-1]:
            section = section.model_fields[str(part)].annotation
        known = ", ".join(section.model_fields)
        meant = _meant(model, path)
        there = f"Known here: {known}." if known else "There are no settings here."
        return f"{origin} {path}: unknown. {meant or there}"
    if first["type"] == "value_error":  # raised by one of our own validators
        return f"{origin} {path}: {first['msg'].removeprefix('Value error, ')}."
    if first["type"] in ("model_type", "model_attributes_type"):
        given = f"{path}={described(first['input'])}"
        return f"{origin} {given}: a section of settings; set {path}.NAME=VALUE instead."
    return f"{origin} {path}={described(first['input'])}: {wanted(first)}."


def _meant(model: type[BaseModel], path: str) -> str:
    """Suggest settings with the same or a similar last name; "" if there are none."""
    section, _, last = path.rpartition(".")
    last = _ALSO_CALLED.get(last, last)
    names = sorted(setting_names(model), key=lambda name: not name.startswith(section))
    alike = get_close_matches(path, names, cutoff=0.8)
    found = [name for name in names if name.rpartition(".")[2] == last] or alike
    return f"Did you mean {' or '.join(found[:3])}?" if found else ""


def setting_names(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield every setting by its dotted name, sections included."""
    for name, field in model.model_fields.items():
        yield prefix + name
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from setting_names(field.annotation, f"{prefix}{name}.")


def wanted(error: ErrorDetails) -> str:
    """Return what is allowed, in plain words where pydantic speaks of parsing.

    Args:
        error: one of `ValidationError.errors()`.
    """
    kind, limits = error["type"], error.get("ctx", {})
    for start, words in _WORDS.items():
        if kind.startswith(start):
            return "must be " + words.format(**limits)
    return error["msg"]
