"""A copy of the backbone of which some weights, or layers put into it, learn."""

import copy
from collections.abc import Callable, Iterable

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from lpt.backbones import FrozenViT
from lpt.backbones.linear import FrozenLinear
from lpt.baselines.encoder import Encoder

__all__ = ["TrainableLinear", "TunedViT", "norms_of", "replace_linears"]


class TunedViT(Encoder):
    """The backbone's copy, changed; the backbone itself stays as it is.

    Args:
        backbone: copied.
        change: puts layers into the copy or chooses weights of it; returns what learns.
        inside_products: whether weights of linear layers learn, or layers in their place. Then
            timm's own blocks run: the frozen backbone's compute with constant weights, and the last
            of them for the class token alone.
    """

    def __init__(
        self,
        backbone: FrozenViT,
        change: Callable[[FrozenViT], Iterable[nn.Parameter]],
        *,
        inside_products: bool = False,
    ) -> None:
        super().__init__()
        self.vit = copy.deepcopy(backbone)
        self.inside_products = inside_products
        self.tuned = list(change(self.vit))
        for parameter in self.tuned:
            parameter.requires_grad_(True)
        for block in self.vit.blocks:  # timm's own, slower in bf16 on CPUs where torch fuses it
            block.attn.fused_attn &= next(self.vit.parameters()).device.type != "cpu"

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        """What `change` chose."""
        return {"backbone": self.tuned}

    def forward(self, images: Float[Tensor, "B 3 H H"]) -> Float[Tensor, "B D"]:
        """The class token after the final norm."""
        if not self.inside_products:
            feature: Tensor = self.vit(images)
            return feature
        tokens = self.vit.model.blocks(self.vit.embed(images))
        return self.vit.final_norm(tokens[:, 0])


class TrainableLinear(FrozenLinear):
    """A linear layer of the backbone whose weights learn after all."""

    def forward(self, input: Tensor) -> Tensor:
        """Return input @ weight.T + bias, with gradients for all three."""
        return F.linear(input, self.weight, self.bias)


def replace_linears(module: nn.Module, replacement: Callable[[FrozenLinear], nn.Module]) -> None:
    """Put a replacement into the place of every frozen linear layer."""
    for name, layer in list(module.named_modules()):
        if type(layer) is FrozenLinear:
            module.set_submodule(name, replacement(layer))


def norms_of(vit: FrozenViT) -> list[nn.Parameter]:
    """Weights and biases of all LayerNorms."""
    norms = (module for module in vit.modules() if isinstance(module, nn.LayerNorm))
    return [parameter for norm in norms for parameter in norm.parameters()]
