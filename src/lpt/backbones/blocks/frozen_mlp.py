"""The MLP of a frozen block, in as few passes over memory as its kind allows."""

from typing import Any

from jaxtyping import Float
from timm.layers import Mlp
from torch import Tensor, nn

from lpt.backbones.linear import frozen_linear

__all__ = ["run_mlp"]


def run_mlp(mlp: Any, x: Float[Tensor, "B tokens D"]) -> Float[Tensor, "B tokens D"]:
    """Run the MLP; an exact GELU shares its pass over memory with the product before it.

    Args:
        mlp: timm's `Mlp`; any other module (gated ones, those with a norm) runs as it is.
    """
    if type(mlp) is not Mlp or not _exact_gelu(mlp.act) or not isinstance(mlp.norm, nn.Identity):
        result: Tensor = mlp(x)
        return result
    hidden = frozen_linear(x, mlp.fc1.weight, mlp.fc1.bias, gelu=True)
    return frozen_linear(hidden, mlp.fc2.weight, mlp.fc2.bias)


def _exact_gelu(activation: nn.Module) -> bool:
    return type(activation) is nn.GELU and activation.approximate == "none"
