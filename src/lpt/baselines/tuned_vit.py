"""A copy of the backbone in which some weights, or inserted layers, are trained."""

import copy
from collections.abc import Callable, Iterable, Mapping

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from lpt.backbones import FrozenViT
from lpt.backbones.linear import FrozenLinear
from lpt.baselines.encoder import Encoder

__all__ = [
    "TrainableLinear",
    "TunedViT",
    "layer_lr_factors",
    "norm_parameters",
    "replace_linears",
]

_AFTER_BLOCKS = ("norm", "fc_norm", "attn_pool", "head")
"""Modules of timm's models that follow the blocks."""


class TunedViT(Encoder):
    """A copy of the backbone, partly trainable; the backbone itself is not modified.

    Args:
        backbone: is copied.
        change: selects parameters of the copy, or inserts layers; returns what is trained.
        trains_linears: whether linear layers are trained or replaced. Then timm's own blocks run,
            since those of the frozen backbone multiply by constant weights and compute only the
            class token in the last block. Compact weights become float32 in the copy.
        layer_decay: factor between the learning rates of neighbouring blocks (`layer_lr_factors`).

    Attributes:
        vit: the copy.
        tuned: its trainable parameters.
    """

    def __init__(
        self,
        backbone: FrozenViT,
        change: Callable[[FrozenViT], Iterable[nn.Parameter]],
        *,
        trains_linears: bool = False,
        layer_decay: float = 1.0,
    ) -> None:
        super().__init__()
        self.vit = copy.deepcopy(backbone)
        if trains_linears:
            self.vit.keep_weights("float32")
        self.trains_linears, self.layer_decay = trains_linears, layer_decay
        self.tuned = list(change(self.vit))
        for parameter in self.tuned:
            parameter.requires_grad_(True)
        for block in self.vit.blocks:  # fused attention is slower in bf16 on CPUs
            block.attn.fused_attn &= next(self.vit.parameters()).device.type != "cpu"

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        """The parameters that `change` returned."""
        return {"backbone": self.tuned}

    def lr_factors(self) -> Mapping[nn.Parameter, float]:
        """Those of `layer_decay`."""
        return {} if self.layer_decay == 1 else layer_lr_factors(self.vit, self.layer_decay)

    def forward(self, images: Float[Tensor, "B 3 H H"]) -> Float[Tensor, "B D"]:
        """The feature of the changed copy."""
        if not self.trains_linears:
            feature: Tensor = self.vit(images)
            return feature
        tokens = self.vit.tower.run_own_blocks(self.vit.embed(images))
        return self.vit.pooled(tokens)


class TrainableLinear(FrozenLinear):
    """A linear layer of the backbone whose weight and bias are trained."""

    def forward(self, input: Tensor) -> Tensor:
        """Return input @ weight.T + bias, with gradients for all three."""
        return F.linear(input, self.weight, self.bias)


def replace_linears(module: nn.Module, replacement: Callable[[FrozenLinear], nn.Module]) -> None:
    """Replace every frozen linear layer in a module."""
    for name, layer in list(module.named_modules()):
        if type(layer) is FrozenLinear:
            module.set_submodule(name, replacement(layer))


def layer_lr_factors(vit: FrozenViT, decay: float) -> dict[nn.Parameter, float]:
    """Return factors of learning rates that fall by `decay` per block, from the output backwards.

    The norm after the blocks has 1, the last block `decay`, the first block `decay` to the power L,
    and the embedding below it one power more.

    Source: Clark et al. (ELECTRA, ICLR 2020); for ViTs Bao et al. (BEiT, ICLR 2022).
    """
    powers = {p: vit.depth - i for i, block in enumerate(vit.blocks) for p in block.parameters()}
    for name, parameter in vit.model.named_parameters():
        after = name.partition(".")[0] in _AFTER_BLOCKS
        powers.setdefault(parameter, 0 if after else vit.depth + 1)
    return {parameter: decay**power for parameter, power in powers.items()}


def norm_parameters(vit: FrozenViT) -> list[nn.Parameter]:
    """Weights and biases of all LayerNorms."""
    norms = (module for module in vit.modules() if isinstance(module, nn.LayerNorm))
    return [parameter for norm in norms for parameter in norm.parameters()]
