"""The pool of group prompts and the keys that choose among them."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from lpt.errors import ShapeError
from lpt.model.shared_prompts import truncated_normal
from lpt.records import Match

__all__ = ["PromptPool"]


class PromptPool(nn.Module):
    """M group prompts for the last L-K blocks, each with a key; learned in phase 2.

    Attributes:
        prompts: (M, L-K, P, D).
        keys: (M, D); only their direction matters.

    Source: LPT (ICLR 2023), section 4.2 (r and k).
    """

    def __init__(self, size: int, blocks: int, length: int, width: int) -> None:
        super().__init__()
        self.prompts = nn.Parameter(truncated_normal(size, blocks, length, width))
        self.keys = nn.Parameter(truncated_normal(size, width))

    @torch.no_grad()
    def start_keys(self, queries: Float[Tensor, "n D"], seed: int) -> None:
        """Point the keys at the centres of M clusters of unit queries (k-means).

        Random keys leave it to chance which few of them ever match; these share the images out from
        the first step. With fewer queries than keys, the keys left over stay where they are.
        Ours; LPT (ICLR 2023) starts from a truncated normal.
        """
        from sklearn.cluster import KMeans  # slow to import, and needed here alone

        clusters = min(self.size, len(queries))
        fitted = KMeans(clusters, n_init=1, random_state=seed).fit(
            F.normalize(queries.float(), dim=1).cpu().numpy()
        )
        self.keys[:clusters] = torch.from_numpy(fitted.cluster_centers_).to(self.keys)

    @torch.no_grad()
    def start_prompts(self, shared: Float[Tensor, "suffix P D"], seed: int) -> None:
        """Start every group prompt as the shared one, disturbed by a tenth of its spread.

        Phase 2 then begins near what phase 1 reached. Ours; LPT starts from a truncated normal.
        """
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(self.prompts.shape, generator=generator).to(self.prompts)
        self.prompts.copy_(shared + 0.1 * shared.std() * noise)

    @property
    def size(self) -> int:
        """M, the number of group prompts."""
        return self.keys.shape[0]

    def match(self, query: Float[Tensor, "B D"], top: int = 2) -> Match:
        """Choose, for each image, the `top` prompts whose keys are nearest to its query.

        Nearness is the cosine, so neither length matters. The chosen prompts are averaged, not
        concatenated: the suffix always receives P group tokens, whatever `top` is.

        Args:
            query: (B, D) class token of the shared-prompt pass. No gradient flows into it.
            top: T, how many prompts to average, 1 <= top <= M.
        Returns: Match with ids (B, T), similarity (B, T), prompts (B, L-K, P, D).
        Raises: ValueError if top is outside [1, M]; ShapeError if D is not the keys' width.
        Source: LPT (ICLR 2023), section 4.2.
        """
        similarity = self.similarity(query)
        if not 1 <= top <= self.size:
            raise ValueError(f"top={top} is outside [1, {self.size}], the size of the pool")
        nearest = similarity.topk(top, dim=1)
        return Match(nearest.indices, nearest.values, self.average(nearest.indices))

    def similarity(self, query: Float[Tensor, "B D"]) -> Float[Tensor, "B M"]:
        """Cosine of every query with every key, in [-1, 1]; gradient reaches the keys alone."""
        if query.dim() != 2 or query.shape[1] != self.keys.shape[1]:
            raise ShapeError(
                f"query of shape {tuple(query.shape)} for keys of width {self.keys.shape[1]}"
            )
        with torch.autocast(query.device.type, enabled=False):
            return F.normalize(query.detach().float(), dim=1) @ F.normalize(self.keys, dim=1).T

    def average(self, ids: Tensor) -> Float[Tensor, "B suffix P D"]:
        """Mean of the group prompts named by ids (B, T), ids distinct in a row.

        A product with the matrix of shares (B, M): deterministic on every device, forward and
        backward, where a gather's gradient is not.
        """
        with torch.autocast(ids.device.type, enabled=False):
            shares = self.prompts.new_zeros(ids.shape[0], self.size)
            shares.scatter_(1, ids, 1.0 / ids.shape[1])
            return (shares @ self.prompts.flatten(1)).view(-1, *self.prompts.shape[1:])
