"""LoRA: low-rank updates of the query and value projections of attention.

Source: Hu, Shen, Wallis, Allen-Zhu, Li, Wang, Wang and Chen, ICLR 2022, section 4.1 (h = W x +
alpha / r B A x, B starts at zero) and 4.2 (queries and values). Departures: A is initialised
uniformly, like torch's linear layers; no dropout on x.
"""

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lpt.backbones import FrozenViT
from lpt.backbones.checks.plain_only import check_plain
from lpt.backbones.linear import FrozenLinear
from lpt.baselines.baseline import Baseline
from lpt.baselines.tuned_vit import TunedViT
from lpt.config.ranges import Positive, Width
from lpt.config.section import Section

__all__ = ["BASELINE", "LoraOptions", "LoraQKV", "insert_lora"]


class LoraOptions(Section):
    """Options of LoRA.

    Attributes:
        rank: r of the update.
        alpha: the update is multiplied by alpha / r.
        targets: projections that are updated: queries (q), keys (k), values (v).
    """

    rank: Width = 4
    alpha: Positive = 8.0
    targets: Literal["qv", "qkv", "q", "k", "v"] = "qv"


class LoraQKV(nn.Module):
    """timm's joint projection to queries, keys and values, with low-rank updates.

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
        """Return the frozen projection, plus alpha / r B A x for each target."""
        parts = list(self.qkv(x).chunk(3, dim=-1))
        for target, down, up in zip(self.targets, self.down, self.up, strict=True):
            parts[target] = parts[target] + self.scale * (x @ down.T) @ up.T
        return torch.cat(parts, dim=-1)

    def merged(self) -> Float[Tensor, "three_widths D"]:
        """Return the weight of the equivalent linear layer."""
        weights = list(self.qkv.weight.detach().chunk(3))
        for target, down, up in zip(self.targets, self.down, self.up, strict=True):
            weights[target] = weights[target] + self.scale * up @ down
        return torch.cat(weights)


def insert_lora(vit: FrozenViT, options: LoraOptions) -> list[nn.Parameter]:
    """Add low-rank updates to the attention of every block; return their parameters."""
    for block in vit.blocks:
        block.attn.qkv = LoraQKV(block.attn.qkv, options).to(block.attn.qkv.weight)
    return [p for b in vit.blocks for p in (b.attn.qkv.down, b.attn.qkv.up)]


def _encoder(backbone: FrozenViT, options: LoraOptions) -> TunedViT:
    check_plain("lora", backbone, "Choose another backbone or baseline.", with_patches=True)
    return TunedViT(backbone, lambda vit: insert_lora(vit, options), trains_linears=True)


BASELINE = Baseline.of_encoder(_encoder, {"lr": 1e-3}, LoraOptions)
