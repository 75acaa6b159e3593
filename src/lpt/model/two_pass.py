"""The whole method on one screen: two passes of a frozen ViT, steered by prompts.

    images -> embed -> blocks 1..K with shared prompts -> tokens                    (prefix, once)
    tokens -> blocks K+1..L with shared prompts -> class token = query              (phase 1)
    query  -> pool.match -> mean of T group prompts
    tokens -> blocks K+1..L with shared + matched prompts -> class token = feature  (phase 2)
    feature -> cosine classifier -> logits

The prefix is reused, not recomputed: K + 2 (L-K) block runs an image.
Source: LPT (Dong et al., ICLR 2023), sections 4.1 and 4.2.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from lpt.backbones import FrozenViT
from lpt.backbones.vit import PromptKV
from lpt.errors import ConfigError
from lpt.model.classifier import CosineClassifier
from lpt.model.kv_table import PromptTable
from lpt.model.prompt_pool import PromptPool
from lpt.model.shared_prompts import SharedPrompts
from lpt.records import Output

__all__ = ["LongTailedPromptModel", "Prefix", "PromptShape"]


@dataclass(frozen=True)
class PromptShape:
    """Sizes of the prompts.

    Attributes:
        length: P, prompt tokens a block.
        shared_blocks: K, leading blocks with the shared prompt only; None means half of them.
        pool_size: M, group prompts.
        top_k: T, group prompts averaged an image (the paper's k).
    """

    length: int = 10
    shared_blocks: int | None = None
    pool_size: int = 20
    top_k: int = 2

    def resolved(self, depth: int) -> "PromptShape":
        """Fill in K for a backbone of `depth` blocks and check every size.

        Raises: ConfigError naming setting, value and range.
        """
        blocks = depth // 2 if self.shared_blocks is None else self.shared_blocks
        if not 1 <= blocks < depth:
            raise ConfigError(
                f"prompts.shared_blocks={blocks}: choose 1..{depth - 1} for {depth} blocks."
            )
        if self.length < 1 or self.pool_size < 1:
            raise ConfigError(
                f"prompts.length={self.length}, prompts.pool_size={self.pool_size}: at least 1."
            )
        if not 1 <= self.top_k <= self.pool_size:
            raise ConfigError(
                f"prompts.top_k={self.top_k}: choose 1..{self.pool_size}, the size of the pool."
            )
        return replace(self, shared_blocks=blocks)


@dataclass(frozen=True)
class Prefix:
    """What phase 2 starts from; constant while the shared prompts are (so it can be cached).

    Attributes:
        tokens: (B, 1+N, D) after block K.
        query: (B, D) class token of the shared-prompt pass, after the final norm.
    """

    tokens: Float[Tensor, "B tokens D"]
    query: Float[Tensor, "B D"]


class LongTailedPromptModel(nn.Module):
    """Frozen backbone, shared prompts, prompt pool and cosine classifier.

    Args:
        backbone: any `FrozenViT`; never changed.
        num_classes: C.
        shape: sizes of the prompts; `shared_blocks=None` means L/2.
        dropout: on the feature before the classifier, never on the query; training only.

    Attributes:
        phases: 1 predicts with the shared prompts alone, 2 with both.
    """

    phases = 2

    def __init__(
        self,
        backbone: FrozenViT,
        num_classes: int,
        shape: PromptShape | None = None,
        *,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.shape = (shape or PromptShape()).resolved(backbone.depth)
        assert self.shape.shared_blocks is not None
        self.split = self.shape.shared_blocks
        suffix = backbone.depth - self.split
        length, width = self.shape.length, backbone.width
        self.backbone = backbone
        self.shared = SharedPrompts(backbone.depth, length, width)
        self.pool = PromptPool(self.shape.pool_size, suffix, length, width)
        self.classifier = CosineClassifier(num_classes, width, dropout=dropout)
        self._table: PromptTable | None = None

    def phase1(
        self,
        images: Float[Tensor, "B 3 H H"],
        shared: list[PromptKV] | None = None,
        dropout_mask: Bool[Tensor, "B D"] | None = None,
    ) -> Output:
        """Shared prompts in every block, then the classifier (section 4.1).

        Args:
            shared: keys and values of the shared prompts, if known already.
            dropout_mask: dropout drawn already (`CosineClassifier.draw_dropout_mask`).
        """
        query = self.prefix(images, shared).query
        return Output(self.classifier(query, dropout_mask), query, query)

    def forward(self, images: Float[Tensor, "B 3 H H"]) -> Output:
        """Both passes (section 4.2); in training, gradients reach pool and classifier alone."""
        with torch.no_grad():
            shared = self.shared_kv()
            prefix = self.prefix(images, shared)
        return self.phase2(prefix, shared)

    @torch.no_grad()
    def predict(self, images: Float[Tensor, "B 3 H H"]) -> Output:
        """What the trained model says: the pass or passes that it was trained for.

        Keys and values of the prompts are computed once and kept until a prompt changes.
        """
        table = self._prompt_table(images.device)
        if self.phases == 1:
            return self.phase1(images, table.shared)
        return self.phase2(self.prefix(images, table.shared), table.shared, table)

    def prefix(
        self, images: Float[Tensor, "B 3 H H"], shared: list[PromptKV] | None = None
    ) -> Prefix:
        """Tokens after block K, and the query: all that phase 2 needs of an image."""
        shared = self.shared_kv() if shared is None else shared
        tokens = self.backbone.run(self.backbone.embed(images), _each(shared[: self.split]))
        return Prefix(tokens, self.backbone.finish(tokens, _each(shared[self.split :])))

    def phase2(
        self,
        prefix: Prefix,
        shared: list[PromptKV] | None = None,
        table: PromptTable | None = None,
        dropout_mask: Bool[Tensor, "B D"] | None = None,
    ) -> Output:
        """Match group prompts to the queries and run the last L-K blocks again with them.

        Args:
            shared: keys and values of the shared prompts, if known already.
            table: keys and values of matched prompts, if none of them learns.
            dropout_mask: dropout drawn already (`CosineClassifier.draw_dropout_mask`).
        """
        shared = self.shared_kv() if shared is None else shared
        match = self.pool.match(prefix.query, self.shape.top_k)
        group = table.of(match.ids) if table else None
        if group is None:
            group = self.backbone.prompts_kv(match.prompts.unbind(1), first=self.split)
        both = list(zip(shared[self.split :], group, strict=True))
        feature = self.backbone.finish(prefix.tokens, both)
        return Output(self.classifier(feature, dropout_mask), feature, prefix.query, match)

    def shared_kv(self) -> list[PromptKV]:
        """Keys and values of the shared prompts in all L blocks: once a batch, not an image."""
        return self.backbone.prompts_kv(self.shared.prompts.unbind(0))

    def _prompt_table(self, device: torch.device) -> PromptTable:
        if torch.is_autocast_enabled(device.type):  # its precision is not that of other calls
            return PromptTable(self.backbone, self.shared.prompts)
        shared, group = self.shared.prompts, self.pool.prompts if self.phases == 2 else None
        if self._table is None or not self._table.made_of(shared, group):
            self._table = PromptTable(self.backbone, shared, group, self.shape.top_k)
        return self._table


def _each(prompts: list[PromptKV]) -> list[tuple[PromptKV]]:
    return [(kv,) for kv in prompts]
