"""Options of an export, checked before onnx is imported."""

from typing import Literal

from lpt.errors import ParameterError
from lpt.export.parity import TOLERANCE
from lpt.task.exported.onnx_file import needed_module

__all__ = ["DEFAULT_OPSET", "OPSETS", "Dtype", "Form", "check_onnx"]

Dtype = Literal["float32", "float16", "int8"]
Form = Literal["task", "shared"]

DEFAULT_OPSET = 17
"""LayerNormalization is an operator since then, and most programs read it."""

OPSETS = range(DEFAULT_OPSET, 24)


def check_onnx(dtype: str, opset: int | None) -> None:
    """Check arguments and installation. Raises: ParameterError, ConfigError."""
    if dtype not in TOLERANCE:
        raise ParameterError(f"`dtype` {dtype}: choose float32, float16 or int8.")
    if opset is not None and opset not in OPSETS:
        raise ParameterError(f"`opset` {opset}: choose {OPSETS[0]} to {OPSETS[-1]}.")
    needed_module("onnx")
    needed_module("onnxruntime")
