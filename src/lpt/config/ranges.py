"""Types of settings with their ranges.

Every number has a smallest and a largest value. Most limits are far from any useful value: they
keep arithmetic in float32 finite, and a mistyped number from running for days.
"""

import os
from collections import Counter
from typing import Annotated, Any

from pydantic import AfterValidator, Field, PlainValidator
from pydantic_core import PydanticKnownError

from lpt.data.sampling import DUAL, SAMPLERS

__all__ = [
    "LARGEST_SEED",
    "LONGEST_TEXT",
    "MAX_BATCH",
    "MAX_EPOCHS",
    "MAX_WORKERS",
    "BatchSize",
    "CachedViews",
    "Count",
    "Decay",
    "Dropout",
    "DualSampler",
    "Epochs",
    "Factor",
    "LearningRate",
    "Length",
    "Natural",
    "NonNegative",
    "OptionalWidth",
    "PoolSize",
    "Positive",
    "PositiveEpochs",
    "Sampler",
    "Seed",
    "Share",
    "ShortEpochs",
    "Text",
    "Width",
    "Workers",
]

MAX_BATCH = 16_384
MAX_EPOCHS = 1_000_000
"""Of a stage, in the files of a run."""
MAX_WORKERS = 256
LARGEST_SEED = 2**32 - 1
"""scikit-learn takes no larger seeds."""
LONGEST_TEXT = 10_000
"""Characters of a path with options, such as DATA:list=LIST."""


def _text(value: Any) -> str:
    """Check text; pydantic itself refuses names of files that are not UTF-8."""
    if not isinstance(value, str):
        raise PydanticKnownError("string_type")
    if len(value) > LONGEST_TEXT:
        raise PydanticKnownError("string_too_long", {"max_length": LONGEST_TEXT})
    try:
        usable = b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:
        usable = False
    if not usable:
        raise ValueError("contains a character that no path can have; correct it")
    return value


def _each_once(short: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    """Refuse an epoch that is given twice."""
    ((twice, times),) = Counter(epoch for epoch, _ in short).most_common(1) or [(0, 0)]
    if times > 1:
        raise ValueError(f"epoch {twice} is given twice; keep one of the pairs")
    return short


def _one_of(name: str, *known: str) -> str:
    if name not in known:
        expected = f"{', '.join(map(repr, known[:-1]))} or {known[-1]!r}"
        raise PydanticKnownError("literal_error", {"expected": expected})
    return name


def _dual_sampler(name: str) -> str:
    return _one_of(name, *(known for known in SAMPLERS if known != "instance"))


def _sampler(name: str) -> str:
    return _one_of(name, *SAMPLERS, DUAL)


Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, le=1e9)]
NonNegative = Annotated[float, Field(ge=0, le=1e9)]
Factor = Annotated[float, Field(ge=0, le=1e4)]
"""Weights and exponents of losses, decay of weights."""
LearningRate = Annotated[float, Field(gt=0, le=1e30)]
"""A rate that is far too large is told by the loss: training stops and names the setting."""
Count = Annotated[int, Field(ge=1, le=2**31 - 1)]
"""Bounds of what there is, such as images."""
Natural = Annotated[int, Field(ge=0, le=2**31 - 1)]
CachedViews = Annotated[int, Field(ge=0, le=10_000)]
Decay = Annotated[float, Field(ge=0, lt=1)]
Dropout = Annotated[float, Field(ge=0, lt=1)]
Epochs = Annotated[int, Field(ge=0, le=100_000)]
PositiveEpochs = Annotated[int, Field(ge=1, le=100_000)]
BatchSize = Annotated[int, Field(ge=0, le=MAX_BATCH)]
Length = Annotated[int, Field(ge=1, le=10_000)]
"""Tokens per block."""
PoolSize = Annotated[int, Field(ge=1, le=10_000)]
Workers = Annotated[int, Field(ge=0, le=MAX_WORKERS)]
Width = Annotated[int, Field(ge=1, le=8192)]
"""Neurons or channels of an added layer."""
OptionalWidth = Annotated[int, Field(ge=0, le=8192)]
"""As `Width`; 0 for no layer."""
Sampler = Annotated[str, AfterValidator(_sampler)]
DualSampler = Annotated[str, AfterValidator(_dual_sampler)]
Text = Annotated[str, PlainValidator(_text)]
"""A name or a path."""
ShortEpochs = Annotated[
    tuple[tuple[Epochs, Natural], ...], Field(max_length=10_000), AfterValidator(_each_once)
]
"""Pairs of an epoch and its steps."""
