"""The shared prompts: the same for every image."""

import torch
from torch import Tensor, nn

__all__ = ["SharedPrompts", "truncated_normal"]


class SharedPrompts(nn.Module):
    """Prompt tokens for every block, the same for all images; trained in phase 1.

    Attributes:
        prompts: (L, P, D).

    Source: LPT (ICLR 2023), section 4.1 (u); prompts in every block as in VPT-Deep.
    """

    def __init__(self, depth: int, length: int, width: int) -> None:
        super().__init__()
        self.prompts = nn.Parameter(truncated_normal(depth, length, width))


def truncated_normal(*shape: int, std: float = 0.02) -> Tensor:
    """Draw from Normal(0, std), truncated at two standard deviations, as in the released code."""
    return nn.init.trunc_normal_(torch.empty(*shape), std=std, a=-2 * std, b=2 * std)
