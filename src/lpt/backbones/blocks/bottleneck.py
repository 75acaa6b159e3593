"""The bottleneck that an adapter adds to the MLP of a block.

Source: AdaptFormer (Chen et al., NeurIPS 2022), section 3.2.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

__all__ = ["Bottleneck"]


class Bottleneck(NamedTuple):
    """Weights of the adapter of one block: r hidden neurons between D inputs and D outputs.

    They have no first axis for an adapter that all images share, and the axis B for one adapter
    per image, so that a batch may mix tasks.

    The scale s of the adapter is part of `up` and `up_bias`.
    """

    down: Float[Tensor, "*B D r"]
    down_bias: Float[Tensor, "*B r"]
    up: Float[Tensor, "*B r D"]
    up_bias: Float[Tensor, "*B D"]

    def added(self, normed: Float[Tensor, "B tokens D"]) -> Float[Tensor, "B tokens D"]:
        """Compute ReLU(x W_down + b) W_up + c, which is added to the output of the MLP.

        Args:
            normed: the input of the MLP: tokens after the block's second norm.

        >>> identity = torch.eye(2)
        >>> adapter = Bottleneck(identity, torch.zeros(2), 0.5 * identity, torch.ones(2))
        >>> adapter.added(torch.tensor([[[4.0, -4.0]]]))
        tensor([[[3., 1.]]])
        """
        hidden = F.relu(_affine(normed, self.down, self.down_bias))
        return _affine(hidden, self.up, self.up_bias)


def _affine(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    if weight.dim() == 2:
        return F.linear(x, weight.mT, bias)
    return torch.baddbmm(bias.unsqueeze(1), x, weight)
