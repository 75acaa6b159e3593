"""Wrong settings in words of one line."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from lpt.errors import ConfigError

__all__ = ["validated"]

Model = TypeVar("Model", bound=BaseModel)


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
        return f"{origin} {path}: unknown. Known here: {known}."
    if first["type"] == "value_error":  # said of a whole section, by one of our own validators
        return f"{origin} {path}: {first['msg'].removeprefix('Value error, ')}."
    return f"{origin} {path}={first['input']!r:.100}: {first['msg']}."
