"""AdaptFormer: a bottleneck beside the MLP of every block.

Source: Chen, Ge, Tong, Wang, Song, Wang and Luo, NeurIPS 2022, section 3.2:

    x <- x + MLP(norm(x)) + s ReLU(norm(x) W_down) W_up,    W_up zero at the start, s = 0.1.

That is the paper's equation; its code leaves the norm before the bottleneck out. Departures: norm
is the block's own, frozen; no dropout within the bottleneck; where a backbone scales its layers,
the bottleneck is scaled as the MLP is.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from lpt.backbones import FrozenViT
from lpt.baselines.baseline_trainer import Baseline, BaselineTrainer
from lpt.baselines.tuned_vit import TunedViT
from lpt.config.sections import Count, Positive, Section
from lpt.training.engine.stage import Stage

__all__ = ["BASELINE", "Adapter", "AdapterOptions", "put_adapters"]


class AdapterOptions(Section):
    """Width of the bottleneck, and the scale s."""

    bottleneck: Count = 64
    scale: Positive = 0.1
    train_scale: bool = False


class Adapter(nn.Module):
    """The bottleneck: s ReLU(x W_down + b) W_up + s c, b and c zero at the start."""

    def __init__(self, width: int, options: AdapterOptions) -> None:
        super().__init__()
        self.down = nn.Linear(width, options.bottleneck)
        self.up = nn.Linear(options.bottleneck, width)
        nn.init.kaiming_uniform_(self.down.weight, a=math.sqrt(5))
        for zero in (self.down.bias, self.up.weight, self.up.bias):
            nn.init.zeros_(zero)
        self.scale = nn.Parameter(torch.tensor(options.scale), options.train_scale)

    def forward(self, x: Float[Tensor, "*rows D"]) -> Float[Tensor, "*rows D"]:
        """What is added to the MLP's result."""
        added: Tensor = self.scale * self.up(F.relu(self.down(x)))
        return added


class AdaptedMlp(nn.Module):
    """The MLP of a block with an adapter beside it."""

    def __init__(self, mlp: nn.Module, adapter: Adapter) -> None:
        super().__init__()
        self.mlp, self.adapter = mlp, adapter

    def forward(self, x: Float[Tensor, "*rows D"]) -> Float[Tensor, "*rows D"]:
        """Both, added."""
        both: Tensor = self.mlp(x) + self.adapter(x)
        return both


def put_adapters(vit: FrozenViT, options: AdapterOptions) -> list[nn.Parameter]:
    """Put an adapter into every block; returns what learns."""
    adapters = [Adapter(vit.width, options).to(block.norm2.weight) for block in vit.blocks]
    for block, adapter in zip(vit.blocks, adapters, strict=True):
        block.mlp = AdaptedMlp(block.mlp, adapter)
    return [p for adapter in adapters for p in adapter.parameters() if p.requires_grad]


def _train(trainer: BaselineTrainer) -> Stage:
    return trainer.tune(
        TunedViT(trainer.context.backbone, lambda vit: put_adapters(vit, trainer.options))
    )


BASELINE = Baseline(_train, {"lr": 1e-3}, AdapterOptions)
