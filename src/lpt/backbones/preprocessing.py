"""How the pixels of an image become the numbers that a backbone expects."""

import json
import math
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

from pydantic import Field

from lpt.errors import BackboneError

__all__ = ["INTERPOLATIONS", "LARGEST_MEAN", "Mean", "Preprocessing", "Std", "stated_number"]

INTERPOLATIONS = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")

LARGEST_MEAN = 1000.0
STD_RANGE = (0.001, 1000.0)
"""Beyond these, pixels in [0, 1] become numbers that overflow."""

Mean = Annotated[float, Field(ge=-LARGEST_MEAN, le=LARGEST_MEAN)]
Std = Annotated[float, Field(ge=STD_RANGE[0], le=STD_RANGE[1])]

_UNSTATED: Mapping[str, Any] = {"mean": 0.5, "std": 0.5, "interpolation": "bicubic"}

_Colour = tuple[float, float, float]


class Preprocessing(NamedTuple):
    """Mean and standard deviation of red, green and blue, and the filter of resizing."""

    mean: _Colour
    std: _Colour
    interpolation: str

    @classmethod
    def stated(cls, name: str, *sources: Mapping[str, Any]) -> "Preprocessing":
        """Take each field from the last source that states it; else 0.5, 0.5 and bicubic.

        Args:
            name: of the backbone, for messages.
            sources: mappings that may have `mean`, `std` and `interpolation`.
        Raises: BackboneError naming the value that cannot be used.
        """
        stated = {**_UNSTATED}
        for fields in sources:
            stated |= {key: fields[key] for key in _UNSTATED if fields.get(key) is not None}
        if stated["interpolation"] not in INTERPOLATIONS:
            raise BackboneError(
                f"{name}: interpolation {stated['interpolation']!r} is unknown. "
                f"Choose one of: {', '.join(INTERPOLATIONS)}."
            )
        mean, std = (_colour(name, key, stated[key]) for key in ("mean", "std"))
        if min(std) < STD_RANGE[0] or max(std) > STD_RANGE[1]:
            raise BackboneError(f"{name}: std {std} must be above 0 and of the order of 1.")
        if max(map(abs, mean)) > LARGEST_MEAN:
            raise BackboneError(f"{name}: mean {mean} must be of the order of 1.")
        return cls(mean, std, stated["interpolation"])


def stated_number(name: str, key: str, value: Any) -> float:
    """Return a finite number from a number or its text. Raises: BackboneError."""
    try:
        number = float(value)
    except (OverflowError, TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise BackboneError(f"{name}: {key} {str(value)[:80]!r} is not a number.")
    return number


def _colour(name: str, key: str, value: Any) -> _Colour:
    """Return three numbers from a list, one number, or text ("0.5", "[0.48, 0.46, 0.41]")."""
    try:
        value = json.loads(value) if isinstance(value, str) else value
        red, green, blue = value if isinstance(value, (list, tuple)) else (value,) * 3
    except (RecursionError, ValueError) as error:
        raise BackboneError(
            f"{name}: {key} {str(value)[:80]!r} is not one or three numbers."
        ) from error
    return (
        stated_number(name, key, red),
        stated_number(name, key, green),
        stated_number(name, key, blue),
    )
