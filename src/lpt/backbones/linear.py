"""Products with frozen weights, the bulk of all arithmetic, by the fastest available library.

On CPUs, torch multiplies float32 matrices with MKL, which reaches half the speed of oneDNN on some
processors (AVX-512 on AMD). torch ships oneDNN for convolutions. docs/benchmarks.md has the
measurements. Results agree to rounding.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

__all__ = ["FrozenLinear", "frozen_linear", "torch_products"]


def frozen_linear(
    x: Float[Tensor, "*rows in_features"],
    weight: Float[Tensor, "out_features in_features"],
    bias: Float[Tensor, " out_features"] | None = None,
    *,
    gelu: bool = False,
) -> Float[Tensor, "*rows out_features"]:
    """Compute x @ weight.T + bias, or its exact GELU; gradients flow only to x.

    On a CPU in float32 it uses oneDNN; everywhere else (GPUs, autocast, torch.compile) and inside
    `torch_products()` it uses `F.linear`.

    Args:
        gelu: whether to apply GELU to the result.
    """
    if not _onednn_serves(x, weight):
        product = F.linear(x, weight.detach(), None if bias is None else bias.detach())
        return F.gelu(product) if gelu else product
    if x.requires_grad and torch.is_grad_enabled():
        product = _Product.apply(x, weight, bias)
        return F.gelu(product) if gelu else product
    return _onednn(x, weight, bias, "gelu" if gelu else "none")


class FrozenLinear(nn.Linear):
    """A linear layer whose weights are not trained; computes as `frozen_linear`."""

    @classmethod
    def of(cls, linear: nn.Linear) -> "FrozenLinear":
        """Make a frozen layer that shares the parameters of a linear layer."""
        with torch.device("meta"):
            frozen = cls(linear.in_features, linear.out_features, bias=linear.bias is not None)
        frozen.weight, frozen.bias = linear.weight, linear.bias
        return frozen

    def forward(self, input: Tensor) -> Tensor:
        """Return input @ weight.T + bias."""
        return frozen_linear(input, self.weight, self.bias)


@contextmanager
def torch_products() -> Iterator[None]:
    """Use only `F.linear` in this context: to compare, or to trace standard operators."""
    global _onednn_allowed
    before, _onednn_allowed = _onednn_allowed, False
    try:
        yield
    finally:
        _onednn_allowed = before


_onednn_allowed: bool = torch._C._has_mkldnn and hasattr(torch.ops.mkldnn, "_linear_pointwise")


class _Product(torch.autograd.Function):
    """The product with its gradient for x; stores no input and computes no weight gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.weight = weight
        return _onednn(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return _onednn(gradient, ctx.weight.t(), None), None, None


def _onednn(x: Tensor, weight: Tensor, bias: Tensor | None, then: str = "none") -> Tensor:
    product: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, then, [], "none")
    return product


def _onednn_serves(x: Tensor, weight: Tensor) -> bool:
    return (
        x.device.type == "cpu"
        and x.dtype == weight.dtype == torch.float32
        and x.numel() > 0
        and _onednn_allowed
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
    )
