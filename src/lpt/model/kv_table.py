"""Keys and values of trained prompts, computed once instead of once per batch."""

from itertools import combinations, permutations
from math import comb

import torch
from jaxtyping import Float, Int
from torch import Tensor

from lpt.backbones.attention import PromptKV
from lpt.backbones.vit import FrozenViT

__all__ = ["PromptTable"]

LIMIT_BYTES = 2**28
"""Limit on the table of matched prompts. ViT-B with M = 20 and T = 2 needs 70 MB."""


class PromptTable:
    """Keys and values of the shared prompts, and of every set that matching can choose.

    Args:
        backbone: whose blocks project the prompts.
        shared: the shared prompts.
        group: the group prompts; None for phase 1 only.
        top: T.
        limit_bytes: no table of matched prompts is made above this size.

    Attributes:
        shared: keys and values of the shared prompts, one entry per block.
        matched: keys and values of the mean of each set of T group prompts, (sets, heads, P,
            head width), one entry per block; None if T > 2 or if the table exceeds the limit.
    """

    def __init__(
        self,
        backbone: FrozenViT,
        shared: Float[Tensor, "L P D"],
        group: Float[Tensor, "M suffix P D"] | None = None,
        top: int = 1,
        *,
        limit_bytes: int = LIMIT_BYTES,
    ) -> None:
        self._shared = shared.detach().clone()
        self._group = None if group is None else group.detach().clone()
        self.shared = backbone.prompts_kv(shared.detach())
        self.matched: list[PromptKV] | None = None
        self._row: Tensor | None = None
        if group is not None and _bytes(group, top) <= limit_bytes and top <= 2:
            size, blocks = group.shape[:2]
            chosen = torch.tensor(list(combinations(range(size), top)), device=group.device)
            means = group.detach()[chosen].mean(1)
            self.matched = backbone.prompts_kv(means.unbind(1), first=backbone.depth - blocks)
            self._row = torch.zeros((size,) * top, dtype=torch.int64, device=group.device)
            for order in permutations(range(top)):
                self._row[chosen[:, list(order)].unbind(1)] = torch.arange(
                    len(chosen), device=group.device
                )

    def made_of(
        self, shared: Float[Tensor, "L P D"], group: Float[Tensor, "M suffix P D"] | None = None
    ) -> bool:
        """Whether the table was computed from these prompts."""
        return _same(shared, self._shared) and (
            group is self._group is None
            or (group is not None and self._group is not None and _same(group, self._group))
        )

    def of(self, ids: Int[Tensor, "B T"]) -> list[PromptKV] | None:
        """Look up the keys and values of each image's matched prompts; None without a table."""
        if self.matched is None or self._row is None:
            return None
        rows = self._row[ids.unbind(1)]
        return [PromptKV(kv.key[rows], kv.value[rows]) for kv in self.matched]


def _bytes(group: Tensor, top: int) -> int:
    size = group.shape[0]
    return 2 * comb(size, top) * group[0].numel() * group.element_size()


def _same(one: Tensor, other: Tensor) -> bool:
    return one.device == other.device and torch.equal(one, other)
