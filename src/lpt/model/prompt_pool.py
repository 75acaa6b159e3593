"""The pool of group prompts, and the keys that select them."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from lpt.errors import ShapeError
from lpt.model.shared_prompts import truncated_normal
from lpt.records import Match

__all__ = ["PromptPool"]


class PromptPool(nn.Module):
    """M group prompts for the last L-K blocks, each with a key; trained in phase 2.

    Args:
        size, blocks, length, width: M, L-K, P and D.
        key_width: F, of a query.

    Attributes:
        prompts: (M, L-K, P, D).
        keys: (M, F); only their direction matters.

    Source: LPT (ICLR 2023), section 4.2 (r and k).
    """

    def __init__(self, size: int, blocks: int, length: int, width: int, key_width: int) -> None:
        super().__init__()
        self.prompts = nn.Parameter(truncated_normal(size, blocks, length, width))
        self.keys = nn.Parameter(truncated_normal(size, key_width))

    @torch.no_grad()
    def start_keys(self, queries: Float[Tensor, "n D"], seed: int) -> None:
        """Point the keys at the centres of M clusters of unit queries (k-means).

        With random keys, only a few prompts may ever match; these divide the images among all
        prompts from the first step. With fewer queries than keys, the remaining keys are unchanged.

        Args:
            queries: (n, D) queries of training images.
            seed: of k-means.
        Source: ours; LPT (ICLR 2023) starts from a truncated normal.
        """
        from sklearn.cluster import KMeans  # slow to import, and only needed here

        clusters = min(self.size, len(queries))
        fitted = KMeans(clusters, n_init=1, random_state=seed).fit(
            F.normalize(queries.float(), dim=1).cpu().numpy()
        )
        self.keys[:clusters] = torch.from_numpy(fitted.cluster_centers_).to(self.keys)

    @torch.no_grad()
    def start_prompts(self, shared: Float[Tensor, "suffix P D"], seed: int) -> None:
        """Start every group prompt as the shared one, plus noise of a tenth of its spread.

        Phase 2 then starts close to the result of phase 1.

        Args:
            shared: (L-K, P, D) shared prompts of the last L-K blocks.
            seed: of the noise.
        Source: ours; LPT (ICLR 2023) starts from a truncated normal.
        """
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(self.prompts.shape, generator=generator).to(self.prompts)
        self.prompts.copy_(shared + 0.1 * shared.std() * noise)

    @property
    def size(self) -> int:
        """M, the number of group prompts."""
        return self.keys.shape[0]

    def match(self, query: Float[Tensor, "B D"], top: int) -> Match:
        """Select, for each image, the `top` prompts whose keys are closest to its query by cosine.

        The selected prompts are averaged, not concatenated, so the suffix receives P group tokens
        whatever `top` is.

        Args:
            query: (B, D) class token of the shared-prompt pass. No gradient flows into it.
            top: T, the number of prompts to average, 1 <= top <= M.
        Returns: Match with ids (B, T), similarity (B, T), prompts (B, L-K, P, D).
        Raises: ValueError if top is outside [1, M]; ShapeError if D is not the keys' width.
        Source: LPT (ICLR 2023), section 4.2.

        >>> pool = PromptPool(size=3, blocks=1, length=1, width=2, key_width=2)
        >>> _ = pool.keys.data.copy_(torch.tensor([[1.0, 0.0], [0.0, 2.0], [-3.0, 0.0]]))
        >>> _ = pool.prompts.data.copy_(torch.tensor([0.0, 1.0, 2.0]).view(3, 1, 1, 1))
        >>> match = pool.match(torch.tensor([[3.0, 4.0]]), top=2)
        >>> match.ids.tolist(), match.prompts.flatten().tolist()
        ([[1, 0]], [0.5, 0.5])
        >>> match.similarity.detach()
        tensor([[0.8000, 0.6000]])
        """
        similarity = self.similarity(query)
        if not 1 <= top <= self.size:
            raise ValueError(f"top={top} is outside [1, {self.size}], the size of the pool")
        nearest = similarity.topk(top, dim=1)
        return Match(nearest.indices, nearest.values, self.average(nearest.indices))

    def similarity(self, query: Float[Tensor, "B D"]) -> Float[Tensor, "B M"]:
        """Compute cosines of queries and keys, in [-1, 1]; gradients reach only the keys."""
        if query.dim() != 2 or query.shape[1] != self.keys.shape[1]:
            raise ShapeError(
                f"query of shape {tuple(query.shape)} for keys of width {self.keys.shape[1]}"
            )
        with torch.autocast(query.device.type, enabled=False):
            return F.normalize(query.detach().float(), dim=1) @ F.normalize(self.keys, dim=1).T

    def average(self, ids: Tensor) -> Float[Tensor, "B suffix P D"]:
        """Average the group prompts with these ids, (B, T), distinct within a row.

        Computed as a product with the (B, M) matrix of weights, which is deterministic on every
        device, forward and backward; the gradient of a gather is not.
        """
        with torch.autocast(ids.device.type, enabled=False):
            shares = self.prompts.new_zeros(ids.shape[0], self.size)
            shares.scatter_(1, ids, 1.0 / ids.shape[1])
            return (shares @ self.prompts.flatten(1)).view(-1, *self.prompts.shape[1:])
