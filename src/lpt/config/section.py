"""The base of every section of a configuration."""

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator
from pydantic_core import PydanticKnownError

from lpt.arguments import number_for_bool

__all__ = ["Section"]


class Section(BaseModel):
    """Frozen; refuses unknown names, numbers that are not finite, and truth values as numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_misplaced_bool(cls, value: Any, info: ValidationInfo) -> Any:
        kind = number_for_bool(cls.model_fields[info.field_name or ""].annotation, value)
        if kind is not None:
            raise PydanticKnownError(f"{kind.__name__}_type")  # type: ignore[arg-type]
        return value
