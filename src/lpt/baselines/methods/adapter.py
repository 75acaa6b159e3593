"""AdaptFormer: a bottleneck in parallel to the MLP of every block.

Source: Chen, Ge, Tong, Wang, Song, Wang and Luo, NeurIPS 2022, section 3.2:

    x <- x + MLP(norm(x)) + s ReLU(norm(x) W_down) W_up,    W_up starts at zero, s = 0.1.

This is the paper's equation; its code omits the norm before the bottleneck. Departures: norm is the
frozen norm of the block; no dropout in the bottleneck; in a backbone with layer scale, the output
of the bottleneck is scaled like that of the MLP.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from lpt.backbones import FrozenViT
from lpt.baselines.baseline import Baseline
from lpt.baselines.tuned_vit import TunedViT
from lpt.config.ranges import Positive, Width
from lpt.config.section import Section

__all__ = ["BASELINE", "Adapter", "AdapterOptions", "insert_adapters"]


class AdapterOptions(Section):
    """Options of AdaptFormer.

    Attributes:
        bottleneck: width of the hidden layer.
        scale: s.
        train_scale: whether s is trained, starting from `scale`.
    """

    bottleneck: Width = 64
    scale: Positive = 0.1
    train_scale: bool = False


class Adapter(nn.Module):
    """The bottleneck s (ReLU(x W_down + b) W_up + c); b and c start at zero."""

    def __init__(self, width: int, options: AdapterOptions) -> None:
        super().__init__()
        self.down = nn.Linear(width, options.bottleneck)
        self.up = nn.Linear(options.bottleneck, width)
        nn.init.kaiming_uniform_(self.down.weight, a=math.sqrt(5))
        for zero in (self.down.bias, self.up.weight, self.up.bias):
            nn.init.zeros_(zero)
        self.scale = nn.Parameter(torch.tensor(options.scale), options.train_scale)

    def forward(self, x: Float[Tensor, "*rows D"]) -> Float[Tensor, "*rows D"]:
        """Return the term that is added to the MLP's output."""
        added: Tensor = self.scale * self.up(F.relu(self.down(x)))
        return added


class AdaptedMlp(nn.Module):
    """The MLP of a block with an adapter in parallel."""

    def __init__(self, mlp: nn.Module, adapter: Adapter) -> None:
        super().__init__()
        self.mlp, self.adapter = mlp, adapter

    def forward(self, x: Float[Tensor, "*rows D"]) -> Float[Tensor, "*rows D"]:
        """Return the sum of both."""
        total: Tensor = self.mlp(x) + self.adapter(x)
        return total


def insert_adapters(vit: FrozenViT, options: AdapterOptions) -> list[nn.Parameter]:
    """Add an adapter to every block; return the trainable parameters."""
    adapters = [Adapter(vit.width, options).to(block.norm2.weight) for block in vit.blocks]
    for block, adapter in zip(vit.blocks, adapters, strict=True):
        block.mlp = AdaptedMlp(block.mlp, adapter)
    return [p for adapter in adapters for p in adapter.parameters() if p.requires_grad]


def _encoder(backbone: FrozenViT, options: AdapterOptions) -> TunedViT:
    return TunedViT(backbone, lambda vit: insert_adapters(vit, options))


BASELINE = Baseline.of_encoder(_encoder, {"lr": 1e-3}, AdapterOptions)
