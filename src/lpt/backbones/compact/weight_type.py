"""How a user chooses the number type of frozen weights (`lpt.backbones.compact`)."""

from typing import Literal, get_args

from lpt.errors import ParameterError
from lpt.escape import described

__all__ = ["WeightType", "check_weight_type"]

WeightType = Literal["float32", "bf16", "int8"]
"""`float32`: as stored in the file. `bf16`: half the bytes. `int8`: a quarter, and a float32 scale
per output channel."""


def check_weight_type(name: str, given: object) -> None:
    """Check that an argument is a number type of weights.

    Raises: ParameterError naming the argument.

    >>> check_weight_type("weights", "int4")
    Traceback (most recent call last):
    ...
    lpt.errors.ParameterError: weights 'int4': give float32, bf16, int8.
    """
    known = get_args(WeightType)
    if not isinstance(given, str) or given not in known:
        raise ParameterError(f"`{name}` {described(given)}: give {', '.join(known)}.")
