"""The JSON files of a run folder: what may stand in each, and reading them."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from lpt.config.ranges import MAX_EPOCHS
from lpt.errors import RunError
from lpt.files.json_files import (
    MAX_JSON_BYTES,
    Count,
    Number,
    Record,
    json_value,
    read_json,
    validated_json,
)
from lpt.files.regular_files import read_regular

__all__ = ["read_environment", "read_identity", "read_metrics"]

_Name = Annotated[str, Field(max_length=1000)]
_REMEDY = "Restore it, or start a new run in another folder."


class _Identity(BaseModel):
    """Fingerprints; runs of other versions may lack some or have more."""

    model_config = ConfigDict(strict=True, extra="allow")
    __pydantic_extra__: dict[str, str | list[str]] = Field(init=False)

    classes: list[str]
    backbone: str = ""


class _Environment(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow")
    __pydantic_extra__: dict[str, str | int | float | list[str] | None] = Field(init=False)

    command: list[str]


class _Epoch(Record):
    """A line of metrics.jsonl. Further fields are the terms of the loss."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Number] = Field(init=False)

    stage: _Name
    epoch: Annotated[int, Field(ge=0, lt=MAX_EPOCHS)]
    epochs: Count = 0
    val: dict[str, Number | None] = Field(default_factory=dict)


_IDENTITY = TypeAdapter(_Identity)
_ENVIRONMENT = TypeAdapter(_Environment)
_EPOCH = TypeAdapter(_Epoch)


def read_identity(path: Path) -> dict[str, Any]:
    """Read the fingerprints of a run. Raises: RunError naming the file if it is damaged."""
    return read_json(path, _IDENTITY, remedy=_REMEDY).model_dump(exclude_unset=True)


def read_environment(path: Path) -> dict[str, Any]:
    """Read the environment of a run. Raises: RunError naming the file if it is damaged."""
    return read_json(path, _ENVIRONMENT, remedy=_REMEDY).model_dump()


def read_metrics(run: Path) -> list[dict[str, Any]]:
    """Read the lines of a run's metrics.jsonl; an empty list if the file does not exist yet.

    Raises: RunError naming the first damaged line.
    """
    path = run / "metrics.jsonl"
    if not path.exists():
        return []
    records: list[dict[str, Any]] = []

    def damaged(reason: str) -> RunError:
        return RunError(
            f"{path}: line {len(records) + 1} is damaged ({reason}). "
            "Repair the line or move the file; the run can resume without it."
        )

    for line in read_regular(path, MAX_JSON_BYTES, error=RunError).splitlines():
        validated_json(_EPOCH, line, damaged)
        records.append(json_value(line, damaged))
    return records
