"""The first pass of a batch, which images leave at block K once their prompts are chosen."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from lpt.backbones import FrozenViT
from lpt.backbones.blocks.bottleneck import Bottleneck
from lpt.backbones.vit import PromptKV
from lpt.model.early_match import early_features
from lpt.serving.gathered_adapters import of_rows

__all__ = ["FirstPass", "shared_sets"]


def shared_sets(shared: Tensor, first: int, stop: int) -> list[tuple[PromptKV, ...]]:
    """Return the shared prompts of some blocks.

    Args:
        shared: (L, 2, images or 1, heads, P, head_width).
    """
    return [(PromptKV(shared[block, 0], shared[block, 1]),) for block in range(first, stop)]


class FirstPass:
    """A batch on its way through the blocks with shared prompts.

    Args:
        images: of one view of the backbone.
        shared: keys and values of the shared prompts of each image, or once for all of them.
        adapters: of each block, of each image or of all of them; [] for none.

    Attributes:
        rows: images of the batch that are still inside, ascending; None for all of them.
        tokens: theirs.
    """

    def __init__(
        self,
        backbone: FrozenViT,
        images: Float[Tensor, "B 3 H H"],
        shared: Float[Tensor, "L 2 B_or_1 heads P head_width"],
        adapters: Sequence[Bottleneck],
    ) -> None:
        self._backbone, self._shared, self._adapters = backbone, shared, list(adapters)
        self._images, self._block = len(images), 0
        self.rows: Int[Tensor, " inside"] | None = None
        self.tokens = backbone.embed(images)

    def advance(self, block: int) -> None:
        """Run the images inside up to a block."""
        sets = shared_sets(self._shared, self._block, block)
        adapters = self._adapters[self._block : block]
        self.tokens = self._backbone.run(self.tokens, sets, adapters, first=self._block)
        self._block = block

    def of(self, images: slice) -> Float[Tensor, "n tokens D"]:
        """Return the tokens of consecutive images, none of which has left."""
        return self.tokens[self._places(images)]

    def features(self, images: slice) -> Float[Tensor, "n _"]:
        """Return what early matching reads of consecutive images, none of which has left."""
        places, depth = self._places(images), self._backbone.depth
        shared = self._shared if self._shared.shape[2] == 1 else self._shared[:, :, places]
        adapters = of_rows(self._adapters[self._block :], places)
        tokens = self.tokens[places]
        glance = self._backbone.glance(tokens, shared_sets(shared, self._block, depth), adapters)
        return early_features(tokens, glance)

    def leave(self, images: Int[Tensor, " n"]) -> None:
        """Let images go whose query nobody needs."""
        if not len(images):
            return
        device = self.tokens.device
        rows = torch.arange(self._images, device=device) if self.rows is None else self.rows
        kept = (~torch.isin(rows, images)).nonzero().flatten()
        self.rows, self.tokens = rows[kept], self.tokens[kept]
        self._adapters = of_rows(self._adapters, kept)
        if self._shared.shape[2] > 1:
            self._shared = self._shared[:, :, kept]

    def _places(self, images: slice) -> slice:
        if self.rows is None:
            return images
        start = int(torch.searchsorted(self.rows, images.start))
        return slice(start, start + images.stop - images.start)

    def finish(self) -> Float[Tensor, "B D"]:
        """Return the queries; those of images that have left are zeros."""
        if self.rows is not None and not len(self.rows):
            return self.tokens.new_zeros(self._images, self._backbone.feature_width)
        sets = shared_sets(self._shared, self._block, self._backbone.depth)
        query = self._backbone.finish(self.tokens, sets, self._adapters[self._block :])
        if self.rows is None:
            return query
        found = query.new_zeros(self._images, query.shape[1])
        found[self.rows] = query
        return found
