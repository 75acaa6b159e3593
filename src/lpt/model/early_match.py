"""Early matching: group prompts chosen from the tokens after block K, without a first pass.

The query of an image needs the blocks behind K a first time. A learned linear map estimates, from
tokens that both passes share, how similar that query will be to each key. Where the estimate is too
close to call, the query is computed after all.
"""

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
    "match_early",
]


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
    """The map from tokens after block K to the estimated cosine of the query with each key.

    Args:
        pool: M, the number of keys.
        width: D.

    Attributes:
        weight: (M, 2 D), of `early_features`.
        bias: (M,).
    """

    def __init__(self, pool: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(pool, 2 * width), requires_grad=False)
        self.bias = nn.Parameter(torch.zeros(pool), requires_grad=False)

    @classmethod
    def of(cls, weight: Float[Tensor, "M _"], bias: Float[Tensor, " M"]) -> "EarlyMatch":
        """Make a map of given numbers."""
        early = cls(len(weight), weight.shape[1] // 2)
        with torch.no_grad():
            early.weight.copy_(weight)
            early.bias.copy_(bias)
        return early

    def choose(
        self, tokens: Float[Tensor, "B tokens D"], top: int, margin: float = 0.0
    ) -> EarlyChoice:
        """Choose the `top` keys of the largest estimates.

        Args:
            tokens: after block K.
            top: T, 1 <= top <= M.
            margin: images with a smaller one are unclear; 0 for none of them.

        >>> early = EarlyMatch(pool=3, width=1)
        >>> _ = early.weight.data.copy_(torch.tensor([[1.0, 0.0], [0.5, 0.0], [0.0, 0.0]]))
        >>> tokens = torch.tensor([[[0.1], [0.0]], [[1.0], [0.0]]])
        >>> choice = early.choose(tokens, top=2, margin=0.2)
        >>> choice.ids.tolist(), choice.unclear.tolist()
        ([[0, 1], [0, 1]], [True, False])
        """
        with torch.autocast(tokens.device.type, enabled=False):
            features = early_features(tokens.float())
            estimate = features @ self.weight.T + self.bias
        return choose_nearest(estimate, top, margin)


def early_features(tokens: Float[Tensor, "B tokens D"]) -> Float[Tensor, "B _"]:
    """Return what the map reads: the class token, and the mean of the other tokens."""
    return torch.cat([tokens[:, 0], tokens[:, 1:].mean(1)], dim=1)


def choose_nearest(estimate: Float[Tensor, "B M"], top: int, margin: float) -> EarlyChoice:
    """Choose the `top` largest estimates; see `EarlyMatch.choose`."""
    best = estimate.topk(min(top + 1, estimate.shape[1]), dim=1)
    ids, values = best.indices[:, :top], best.values[:, :top]
    if best.values.shape[1] == top:  # all prompts match; there is nothing to choose
        return EarlyChoice(ids, values, torch.zeros_like(ids[:, 0], dtype=torch.bool))
    return EarlyChoice(ids, values, values[:, -1] - best.values[:, top] < margin)


def match_early(
    early: EarlyMatch,
    pool: PromptPool,
    tokens: Float[Tensor, "B tokens D"],
    top: int,
    margin: float,
    query_of: Callable[[Tensor], Tensor],
) -> Match:
    """Match by the estimate, and by the query where the estimate is unclear.

    Args:
        tokens: after block K.
        top: T.
        margin: images with a smaller one get their query; 0 for none, infinity for all of them.
        query_of: computes the queries of some rows of the tokens.
    """
    ids, similarity, unclear = early.choose(tokens, top, margin)
    if unclear.any():
        exact = pool.match(query_of(tokens[unclear]), top)
        ids[unclear], similarity[unclear] = exact.ids, exact.similarity.detach()
    return Match(ids, similarity, pool.average(ids))
