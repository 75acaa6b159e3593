"""The adapters: a bottleneck beside the MLP of every block, the same for every image."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lpt.backbones.blocks.bottleneck import Bottleneck

__all__ = ["Adapters", "scaled_bottlenecks"]


class Adapters(nn.Module):
    """A bottleneck of r neurons for every block; trained in phase 1 beside the shared prompts.

        x <- x + MLP(norm(x)) + s (ReLU(norm(x) W_down + b) W_up + c)

    W_up, b and c start at zero, so that training starts from the backbone alone. In a backbone with
    layer scale, the output of the bottleneck is scaled like that of the MLP.

    Args:
        depth: L.
        width: D.
        hidden: r.
        scale: s at the start, the same in every block.

    Attributes:
        down, down_bias: (L, D, r) and (L, r).
        up, up_bias: (L, r, D) and (L, D).
        scale: (L,); without gradient unless it is trained.

    Source: AdaptFormer (Chen et al., NeurIPS 2022), section 3.2; with LPT's prompts: LPT (ICLR
    2023), table 15, and LPT++ (2024).
    """

    def __init__(self, depth: int, width: int, hidden: int, scale: float = 0.1) -> None:
        super().__init__()
        bound = 1 / math.sqrt(width)  # that of torch's linear layers
        self.down = nn.Parameter(torch.empty(depth, width, hidden).uniform_(-bound, bound))
        self.down_bias = nn.Parameter(torch.zeros(depth, hidden))
        self.up = nn.Parameter(torch.zeros(depth, hidden, width))
        self.up_bias = nn.Parameter(torch.zeros(depth, width))
        self.scale = nn.Parameter(torch.full((depth,), scale), requires_grad=False)

    def bottlenecks(self) -> list[Bottleneck]:
        """Return the adapter of each block, in the form in which blocks take it.

        >>> [adapter.down.shape for adapter in Adapters(depth=2, width=8, hidden=3).bottlenecks()]
        [torch.Size([8, 3]), torch.Size([8, 3])]
        """
        scaled = self.scaled()
        return [Bottleneck(*block) for block in zip(*scaled, strict=True)]

    def scaled(self) -> Bottleneck:
        """Return the adapters of all blocks together: the first axis of every tensor is L."""
        return scaled_bottlenecks(self.down, self.down_bias, self.up, self.up_bias, self.scale)


def scaled_bottlenecks(
    down: Float[Tensor, "L D r"],
    down_bias: Float[Tensor, "L r"],
    up: Float[Tensor, "L r D"],
    up_bias: Float[Tensor, "L D"],
    scale: Float[Tensor, " L"],
) -> Bottleneck:
    """Multiply the scale of each block into W_up and c."""
    factor = scale.unsqueeze(1)
    return Bottleneck(down, down_bias, factor.unsqueeze(1) * up, factor * up_bias)
