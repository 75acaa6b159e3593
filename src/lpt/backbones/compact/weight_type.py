"""How a user chooses the number type of frozen weights (`lpt.backbones.compact`)."""

from typing import Literal

__all__ = ["WeightType"]

WeightType = Literal["float32", "bf16", "int8"]
"""`float32`: as stored in the file. `bf16`: half the bytes. `int8`: a quarter, and a float32 scale
per output channel."""
