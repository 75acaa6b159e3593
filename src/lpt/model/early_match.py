"""Early matching: group prompts chosen from the tokens after block K, without a first pass.

The query of an image needs the blocks behind K a first time. Here the class token alone goes
through them, over patch tokens that stay as block K left them (a glance, `FrozenViT.glance`). A
linear map estimates from it how similar the query will be to each key. Where the estimate is too
close to call, the query is computed after all.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from lpt.model.prompt_pool import PromptPool
from lpt.records import Match

__all__ = [
    "EarlyChoice",
    "EarlyMatch",
    "choose_nearest",
    "early_features",
    "margins_of",
    "match_early",
]

FEATURES = 3
"""Vectors of width D that the map reads."""


class EarlyChoice(NamedTuple):
    """Group prompts chosen by an estimate.

    Attributes:
        ids: by descending estimate.
        similarity: estimated cosines of query and key.
        unclear: whether the margin to the next key is too small to rely on.
    """

    ids: Int[Tensor, "B T"]
    similarity: Float[Tensor, "B T"]
    unclear: Bool[Tensor, " B"]


class EarlyMatch(nn.Module):
    """The map from features of the tokens after block K to the estimated cosine with each key.

    Args:
        pool: M, the number of keys.
        width: D.

    Attributes:
        weight: (M, 3 D), of `early_features`.
        bias: (M,).
    """

    def __init__(self, pool: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(pool, FEATURES * width), requires_grad=False)
        self.bias = nn.Parameter(torch.zeros(pool), requires_grad=False)

    @classmethod
    def of(cls, weight: Float[Tensor, "M _"], bias: Float[Tensor, " M"]) -> "EarlyMatch":
        """Make a map of given numbers."""
        early = cls(len(weight), weight.shape[1] // FEATURES)
        with torch.no_grad():
            early.weight.copy_(weight)
            early.bias.copy_(bias)
        return early

    def forward(self, features: Float[Tensor, "B _"]) -> Float[Tensor, "B M"]:
        """Estimate the cosines."""
        with torch.autocast(features.device.type, enabled=False):
            return features.float() @ self.weight.T + self.bias


def early_features(
    tokens: Float[Tensor, "B tokens D"], glance: Float[Tensor, "B D"]
) -> Float[Tensor, "B _"]:
    """Return what the map reads.

    Args:
        tokens: after block K. Their class token and the mean of the others are read.
        glance: the class token behind the blocks that these tokens skip.
    """
    return torch.cat([glance, tokens[:, 0], tokens[:, 1:].mean(1)], dim=1)


def choose_nearest(estimate: Float[Tensor, "B M"], top: int, margin: float) -> EarlyChoice:
    """Choose the `top` largest estimates.

    Args:
        top: T, 1 <= top <= M.
        margin: images whose T-th estimate exceeds the next one by less are unclear; 0 for none.

    >>> choice = choose_nearest(torch.tensor([[0.2, 0.1, 0.0], [0.9, 0.5, 0.0]]), 2, margin=0.2)
    >>> choice.ids.tolist(), choice.unclear.tolist()
    ([[0, 1], [0, 1]], [True, False])
    """
    best = estimate.topk(top, dim=1)
    return EarlyChoice(best.indices, best.values, margins_of(estimate, top) < margin)


def margins_of(estimate: Float[Tensor, "B M"], top: int) -> Float[Tensor, " B"]:
    """Return by how much the T-th estimate exceeds the next one; infinity where all prompts match.

    >>> margins_of(torch.tensor([[1.0, 0.5, 0.25]]), top=2)
    tensor([0.2500])
    """
    if top == estimate.shape[1]:
        return torch.full_like(estimate[:, 0], math.inf)
    best = estimate.topk(top + 1, dim=1).values
    return best[:, -2] - best[:, -1]


def match_early(
    estimate: Float[Tensor, "B M"],
    pool: PromptPool,
    top: int,
    margin: float,
    query_of: Callable[[Tensor], Tensor],
) -> Match:
    """Match by an estimate, and by the query where the estimate is unclear.

    Args:
        top: T.
        margin: images with a smaller one get their query; 0 for none, infinity for all of them.
        query_of: computes the queries of some images, given as a mask.
    """
    ids, similarity, unclear = choose_nearest(estimate, top, margin)
    if unclear.any():
        exact = pool.match(query_of(unclear), top)
        ids[unclear], similarity[unclear] = exact.ids, exact.similarity.detach()
    return Match(ids, similarity, pool.average(ids))
