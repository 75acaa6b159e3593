"""LoRA: products of two thin matrices, added to the projections of queries and values.

Source: Hu, Shen, Wallis, Allen-Zhu, Li, Wang, Wang and Chen, ICLR 2022, section 4.1 (h = W x +
alpha / r B A x, B zero at the start) and 4.2 (queries and values). Departures: A starts uniform as
torch's linear layers do; no dropout on x.
"""

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lpt.backbones import FrozenViT
from lpt.backbones.linear import FrozenLinear
from lpt.baselines.baseline_trainer import Baseline, BaselineTrainer
from lpt.baselines.tuned_vit import TunedViT
from lpt.config.sections import Count, Positive, Section
from lpt.training.engine.stage import Stage

__all__ = ["BASELINE", "LoraOptions", "LoraQKV"]


class LoraOptions(Section):
    """Rank r, alpha, and which projections of attention are changed.

    alpha / r multiplies the change.
    """

    rank: Count = 4
    alpha: Positive = 8.0
    targets: Literal["qv", "qkv", "q", "k", "v"] = "qv"


class LoraQKV(nn.Module):
    """Queries, keys and values of timm's joint projection, changed by low rank.

    Attributes:
        down: (targets, r, D), A.
        up: (targets, width of one projection, r), B.
    """

    def __init__(self, qkv: FrozenLinear, options: LoraOptions) -> None:
        super().__init__()
        self.qkv, self.targets = qkv, ["qkv".index(letter) for letter in options.targets]
        self.scale = options.alpha / options.rank
        number, rank, width = len(self.targets), options.rank, qkv.out_features // 3
        self.down = nn.Parameter(torch.empty(number, rank, qkv.in_features))
        self.up = nn.Parameter(torch.zeros(number, width, rank))
        for down in self.down:
            nn.init.kaiming_uniform_(down, a=math.sqrt(5))

    def forward(self, x: Float[Tensor, "*rows D"]) -> Float[Tensor, "*rows three_widths"]:
        """The frozen projection plus alpha / r B A x on each target."""
        parts = list(self.qkv(x).chunk(3, dim=-1))
        for target, down, up in zip(self.targets, self.down, self.up, strict=True):
            parts[target] = parts[target] + self.scale * (x @ down.T) @ up.T
        return torch.cat(parts, dim=-1)

    def merged(self) -> Float[Tensor, "three_widths D"]:
        """The weight of a plain linear layer that does the same."""
        weights = list(self.qkv.weight.detach().chunk(3))
        for target, down, up in zip(self.targets, self.down, self.up, strict=True):
            weights[target] = weights[target] + self.scale * up @ down
        return torch.cat(weights)


def _train(trainer: BaselineTrainer) -> Stage:
    def change(vit: FrozenViT) -> list[nn.Parameter]:
        for block in vit.blocks:
            block.attn.qkv = LoraQKV(block.attn.qkv, trainer.options).to(block.attn.qkv.weight)
        return [p for b in vit.blocks for p in (b.attn.qkv.down, b.attn.qkv.up)]

    return trainer.tune(TunedViT(trainer.context.backbone, change, inside_products=True))


BASELINE = Baseline(_train, {"lr": 1e-3}, LoraOptions)
