"""The whole method in one file: two passes of a frozen ViT with prompts, and adapters if wanted.

    images -> embed -> blocks 1..K with shared prompts -> tokens                    (prefix, once)
    tokens -> blocks K+1..L with shared prompts -> class token = query              (phase 1)
    query  -> pool.match -> mean of T group prompts
    tokens -> blocks K+1..L with shared + matched prompts -> class token = feature  (phase 2)
    feature -> cosine classifier -> logits

Adapters belong to every block of both passes. The prefix is reused, not recomputed, so an image
takes K + 2 (L-K) block runs.
Source: LPT (Dong et al., ICLR 2023), sections 4.1 and 4.2.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from lpt.backbones import FrozenViT
from lpt.backbones.blocks.bottleneck import Bottleneck
from lpt.backbones.vit import PromptKV
from lpt.errors import ConfigError
from lpt.model.adapters import Adapters
from lpt.model.classifier import CosineClassifier
from lpt.model.kv_table import PromptTable, tables_of
from lpt.model.prompt_pool import PromptPool
from lpt.model.shared_prompts import SharedPrompts
from lpt.records import Output

__all__ = ["LongTailedPromptModel", "Prefix", "PromptShape", "SharedParts"]


@dataclass(frozen=True)
class PromptShape:
    """Sizes of the prompts; `lpt.config.PromptConfig` holds the defaults.

    Attributes:
        length: P, prompt tokens per block.
        shared_blocks: K, leading blocks that take the shared prompts only; None means L/2.
        pool_size: M, group prompts.
        top_k: T, group prompts averaged per image (the paper's k).
    """

    length: int
    shared_blocks: int | None
    pool_size: int
    top_k: int

    def resolved(self, depth: int) -> "PromptShape":
        """Fill in K for a backbone of `depth` blocks and check every size.

        Raises: ConfigError naming the setting, its value and its range.

        >>> PromptShape(length=10, shared_blocks=None, pool_size=20, top_k=2).resolved(12)
        PromptShape(length=10, shared_blocks=6, pool_size=20, top_k=2)
        """
        if depth < 2:
            raise ConfigError(
                f"The backbone has {depth} block; prompts need 2 or more. Choose another backbone."
            )
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
    """The input of phase 2; constant while the shared prompts are, so it can be cached.

    Attributes:
        tokens: (B, 1+N, D) after block K.
        query: (B, D) class token of the shared-prompt pass, after the final norm.
    """

    tokens: Float[Tensor, "B tokens D"]
    query: Float[Tensor, "B D"]


class SharedParts(NamedTuple):
    """What all images share in each block, computed once per batch.

    Attributes:
        prompts: keys and values of the shared prompts, one entry per block.
        adapters: one per block; empty without adapters.
    """

    prompts: list[PromptKV]
    adapters: list[Bottleneck]

    def first(self, blocks: int) -> "SharedParts":
        """Return the parts of the leading blocks."""
        return SharedParts(self.prompts[:blocks], self.adapters[:blocks])

    def after(self, blocks: int) -> "SharedParts":
        """Return the parts of the blocks behind the leading ones."""
        return SharedParts(self.prompts[blocks:], self.adapters[blocks:])

    @property
    def sets(self) -> list[tuple[PromptKV]]:
        """The shared prompts alone, as the prompt sets of each block."""
        return [(kv,) for kv in self.prompts]


class LongTailedPromptModel(nn.Module):
    """Frozen backbone, shared prompts, prompt pool, cosine classifier, and adapters if wanted.

    Args:
        backbone: any `FrozenViT`; never changed.
        num_classes: C.
        shape: sizes of the prompts.
        dropout: on the feature before the classifier, in training only; never on the query.
        phases: 1 for a model that was trained in phase 1 only, 2 for both phases; see `phases`.
        adapter_width: hidden neurons of the adapter of every block; 0 for no adapters.
        adapter_scale: s of `Adapters` at the start.

    Attributes:
        adapters: None for no adapters.
    Raises: ConfigError if the sizes do not fit the backbone.
    """

    def __init__(
        self,
        backbone: FrozenViT,
        num_classes: int,
        shape: PromptShape,
        *,
        dropout: float = 0.0,
        phases: int = 2,
        adapter_width: int = 0,
        adapter_scale: float = 0.1,
    ) -> None:
        super().__init__()
        self.shape = shape.resolved(backbone.depth)
        assert self.shape.shared_blocks is not None
        self.split = self.shape.shared_blocks
        suffix = backbone.depth - self.split
        length, width = self.shape.length, backbone.width
        self.backbone = backbone
        self.shared = SharedPrompts(backbone.depth, length, width)
        self.pool = PromptPool(self.shape.pool_size, suffix, length, width)
        self.classifier = CosineClassifier(num_classes, width, dropout=dropout)
        self.adapters: Adapters | None = None  # drawn last: the rest starts alike without them
        if adapter_width:
            self.adapters = Adapters(backbone.depth, width, adapter_width, adapter_scale)
        self.phases = phases

    @property
    def adapter_width(self) -> int:
        """Hidden neurons of each adapter; 0 for no adapters."""
        return 0 if self.adapters is None else self.adapters.down.shape[-1]

    @property
    def phases(self) -> int:
        """The passes that `predict` runs: 1 with the shared prompts only, 2 with both passes.

        `phase1`, `phase2` and `forward` do not depend on it. A run sets it to score its phases in
        turn. Raises: ValueError for any other number.
        """
        return self._phases

    @phases.setter
    def phases(self, number: int) -> None:
        if number not in (1, 2):
            raise ValueError(f"phases={number}: choose 1 or 2")
        self._phases = number

    def phase1(
        self,
        images: Float[Tensor, "B 3 H H"],
        shared: SharedParts | None = None,
        dropout_mask: Bool[Tensor, "B D"] | None = None,
    ) -> Output:
        """Run one pass with shared prompts in every block, then the classifier (section 4.1).

        Args:
            shared: from `shared_parts`, if already computed.
            dropout_mask: from `CosineClassifier.draw_dropout_mask`; None draws one.
        """
        query = self.prefix(images, shared).query
        return Output(self.classifier(query, dropout_mask), query, query)

    def forward(self, images: Float[Tensor, "B 3 H H"]) -> Output:
        """Run both passes (section 4.2); gradients reach only the pool and the classifier."""
        with torch.no_grad():
            shared = self.shared_parts()
            prefix = self.prefix(images, shared)
        return self.phase2(prefix, shared)

    @torch.no_grad()
    def predict(self, images: Float[Tensor, "B 3 H H"]) -> Output:
        """Run the passes that the model was trained for (`phases`), without gradients.

        Keys and values of the prompts are cached until a prompt changes, within a budget that the
        models on one backbone share (`lpt.model.kv_table`).
        """
        table = self._prompt_table(images.device)
        shared = SharedParts(table.shared, self._bottlenecks())
        if self.phases == 1:
            return self.phase1(images, shared)
        return self.phase2(self.prefix(images, shared), shared, table)

    def prefix(self, images: Float[Tensor, "B 3 H H"], shared: SharedParts | None = None) -> Prefix:
        """Compute what phase 2 needs of an image: the tokens after block K, and the query."""
        shared = self.shared_parts() if shared is None else shared
        first, rest = shared.first(self.split), shared.after(self.split)
        tokens = self.backbone.run(self.backbone.embed(images), first.sets, first.adapters)
        return Prefix(tokens, self.backbone.finish(tokens, rest.sets, rest.adapters))

    def phase2(
        self,
        prefix: Prefix,
        shared: SharedParts | None = None,
        table: PromptTable | None = None,
        dropout_mask: Bool[Tensor, "B D"] | None = None,
    ) -> Output:
        """Match group prompts to the queries, and run the last L-K blocks again with them.

        Args:
            shared: from `shared_parts`, if already computed.
            table: keys and values of matched prompts, if no prompt is being trained.
            dropout_mask: from `CosineClassifier.draw_dropout_mask`; None draws one.
        """
        rest = (self.shared_parts() if shared is None else shared).after(self.split)
        match = self.pool.match(prefix.query, self.shape.top_k)
        group = table.of(match.ids) if table else None
        if group is None:
            group = self.backbone.prompts_kv(match.prompts.unbind(1), first=self.split)
        both = list(zip(rest.prompts, group, strict=True))
        feature = self.backbone.finish(prefix.tokens, both, rest.adapters)
        return Output(self.classifier(feature, dropout_mask), feature, prefix.query, match)

    def shared_parts(self) -> SharedParts:
        """Compute what all images share: project the shared prompts, and scale the adapters.

        Parts that are computed without gradient stay fixed where they are used, as in phase 2.
        """
        prompts = self.backbone.prompts_kv(self.shared.prompts.unbind(0))
        return SharedParts(prompts, self._bottlenecks())

    def release_tables(self) -> None:
        """Release the cached keys and values of the prompts; the next prediction computes them."""
        tables_of(self.backbone).release(self)

    def _bottlenecks(self) -> list[Bottleneck]:
        return [] if self.adapters is None else self.adapters.bottlenecks()

    def _prompt_table(self, device: torch.device) -> PromptTable:
        if torch.is_autocast_enabled(device.type):  # other calls may use another precision
            return PromptTable(self.backbone, self.shared.prompts)
        shared, group = self.shared.prompts, self.pool.prompts if self.phases == 2 else None
        return tables_of(self.backbone).get(self, self.backbone, shared, group, self.shape.top_k)
