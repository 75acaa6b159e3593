"""Read JSON files from outside against a schema: no field of them is believed."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from lpt.errors import LptError, RunError
from lpt.escape import shortened
from lpt.files.regular_files import read_regular

__all__ = [
    "MAX_JSON_BYTES",
    "Count",
    "Number",
    "Record",
    "json_value",
    "problem",
    "read_json",
    "validated_json",
]

MAX_JSON_BYTES = 64 * 2**20
"""Largest JSON file of a run or a study."""

_SHOWN = 160  # characters

_ESCAPES = re.compile(
    rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|u[dD][cC]([89a-fA-F][0-9a-fA-F])|.)", re.DOTALL
)
"""Escapes of JSON strings; the group is a byte of a file name that is not UTF-8."""

Count = Annotated[int, Field(ge=0, lt=2**63)]
"""A whole number from 0 of 63 bits."""

Number = Annotated[float, Field(allow_inf_nan=False)]
"""A finite number."""

T = TypeVar("T")


class Record(BaseModel):
    """Base of schemas: exact types, no unknown fields, finite numbers."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


def problem(error: ValidationError) -> str:
    """Name the first field that does not fit, and why, in a few words."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))
    return shortened(f"{place}: {first['msg']}" if place else first["msg"], _SHOWN)


def json_value(data: bytes | str, damaged: Callable[[str], LptError]) -> Any:
    """Parse JSON of any shape, whose values the caller checks.

    Args:
        data: the JSON.
        damaged: makes the error from the reason.
    Raises: the error that `damaged` makes, also for JSON that is nested too deeply.

    >>> json_value('{"a": [1, null]}', LptError)
    {'a': [1, None]}
    """
    try:
        return json.loads(data)
    except RecursionError as error:
        raise damaged("nested too deeply") from error
    except ValueError as error:  # not JSON, not UTF-8, or a number of thousands of digits
        raise damaged(shortened(str(error).partition(";")[0], _SHOWN)) from error


def validated_json(
    schema: TypeAdapter[T], data: bytes | str, damaged: Callable[[str], LptError]
) -> T:
    """Parse JSON into what a schema describes.

    Args:
        schema: of the content.
        data: the JSON.
        damaged: makes the error from the reason.
    Raises: the error that `damaged` makes.
    """
    try:
        return schema.validate_json(data)
    except ValidationError as error:
        raise damaged(problem(error)) from error
    except (RecursionError, ValueError) as error:  # lone surrogates
        raise damaged(type(error).__name__) from error


def read_json(
    path: Path,
    schema: TypeAdapter[T],
    *,
    remedy: str,
    max_bytes: int = MAX_JSON_BYTES,
    error: type[LptError] = RunError,
) -> T:
    r"""Read a JSON file. Bytes of names that are not UTF-8 are read as they are shown: `\xHH`.

    Args:
        path: the file.
        schema: of its content.
        remedy: the sentence that ends the message of an error.
        max_bytes: largest accepted size.
        error: class of the errors raised.
    Raises: `error` naming the file if it is missing, not a regular file, too large, or does not
        fit the schema.
    """
    if not path.exists():
        raise error(f"{path}: no such file. {remedy}")
    data = _ESCAPES.sub(_shown_byte, read_regular(path, max_bytes, error=error))
    return validated_json(
        schema, data, lambda reason: error(f"{path}: cannot be read ({reason}). {remedy}")
    )


def _shown_byte(escape: re.Match[bytes]) -> bytes:
    return escape[0] if escape[1] is None else b"\\\\x" + escape[1].lower()
