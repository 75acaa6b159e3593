"""Products with frozen weights, the bulk of all arithmetic, by the fastest available library.

On CPUs, torch multiplies float32 matrices with MKL, which reaches half the speed of oneDNN on some
processors (AVX-512 on AMD). torch ships oneDNN for convolutions. docs/benchmarks.md has the
measurements. Results agree to rounding.

Weights may be compact (`lpt.backbones.compact.compact_weight`). Each product expands its own, and
the backward pass expands it again: kept until then, expanded weights would take the memory that
compact ones save.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from lpt.backbones.compact.compact_weight import CompactWeight
from lpt.backbones.compact.weight_type import WeightType

__all__ = ["CompactLinear", "FrozenLinear", "frozen_linear", "torch_products"]


def frozen_linear(
    x: Float[Tensor, "*rows in_features"],
    weight: Float[Tensor, "out_features in_features"] | CompactWeight,
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
    if isinstance(weight, CompactWeight):
        return _compact_product(x, weight, bias, gelu=gelu)
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


class CompactLinear(nn.Module):
    """A linear layer with a compact weight, which is not trained; computes as `frozen_linear`.

    Args:
        linear: its weight is rounded, its bias is shared.
        kind: "bf16" or "int8".
    """

    scale: Tensor | None

    def __init__(self, linear: nn.Linear, kind: WeightType) -> None:
        super().__init__()
        self.kind: WeightType = kind
        self.in_features, self.out_features = linear.in_features, linear.out_features
        weight = CompactWeight.of(linear.weight, kind)
        self.values = nn.Parameter(weight.values, requires_grad=False)
        self.register_buffer("scale", weight.scale)
        self.bias = linear.bias

    @property
    def weight(self) -> CompactWeight:
        """The weight, in the form that `frozen_linear` takes."""
        return CompactWeight(self.values, self.scale)

    def forward(self, input: Tensor) -> Tensor:
        """Return input @ weight.T + bias."""
        return frozen_linear(input, self.weight, self.bias)

    def restored(self) -> FrozenLinear:
        """Return a layer with the rounded weight in float32."""
        with torch.device("meta"):
            frozen = FrozenLinear(self.in_features, self.out_features, bias=self.bias is not None)
        weight = self.weight.to(torch.float32)
        frozen.weight, frozen.bias = nn.Parameter(weight, requires_grad=False), self.bias
        return frozen


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


class _CompactProduct(torch.autograd.Function):
    """The product with a compact weight, which is expanded in both passes and kept in neither."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: CompactWeight, bias: Tensor | None) -> Tensor:
        ctx.weight = weight
        return frozen_linear(x, weight.to(x.dtype), bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return frozen_linear(gradient, ctx.weight.to(gradient.dtype).t()), None, None


def _compact_product(
    x: Tensor, weight: CompactWeight, bias: Tensor | None, *, gelu: bool
) -> Tensor:
    device = x.device.type
    if torch.is_autocast_enabled(device):
        x = x.to(torch.get_autocast_dtype(device))
    keeps = x.requires_grad and torch.is_grad_enabled() and not torch.compiler.is_compiling()
    if not keeps:  # torch's compiler decides for itself what it computes again
        return frozen_linear(x, weight.to(x.dtype), bias, gelu=gelu)
    product: Tensor = _CompactProduct.apply(x, weight, bias)
    return F.gelu(product) if gelu else product


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
