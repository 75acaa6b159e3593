"""The whole method in one file: two passes of a frozen ViT with prompts, and adapters if wanted.

    images -> embed -> blocks 1..K with shared prompts -> tokens                    (prefix, once)
    tokens -> blocks K+1..L with shared prompts -> class token = query              (phase 1)
    query  -> pool.match -> mean of T group prompts
    tokens -> blocks K+1..L with shared + matched prompts -> class token = feature  (phase 2)
    feature -> cosine classifier -> logits

With `reads_both`, the classifier reads the sum of query and feature, each of unit length; the group
prompts then add what the shared prompts lack. The sum is ours, not the paper's, and costs nothing.
Adapters belong to every block of both passes. The prefix is reused, not recomputed, so an image
takes K + 2 (L-K) block runs. With early matching (`lpt.model.early_match`) the group prompts are
chosen from `tokens`, and an image takes L block runs.
Source: LPT (Dong et al., ICLR 2023), sections 4.1 and 4.2.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from lpt.backbones import FrozenViT
from lpt.backbones.blocks.bottleneck import Bottleneck
from lpt.backbones.vit import PromptKV
from lpt.model.adapters import Adapters
from lpt.model.classifier import CosineClassifier
from lpt.model.early_match import EarlyMatch, early_features, match_early
from lpt.model.kv_table import PromptTable, tables_of
from lpt.model.prompt_pool import PromptPool
from lpt.model.prompt_shape import PromptShape
from lpt.model.shared_prompts import SharedPrompts
from lpt.records import Match, Output

__all__ = ["LongTailedPromptModel", "Prefix", "SharedParts", "joined_feature"]


@dataclass(frozen=True)
class Prefix:
    """The input of phase 2; constant while the shared prompts are, so it can be cached.

    Attributes:
        tokens: (B, 1+N, D) after block K.
        query: (B, F) feature of the shared-prompt pass: the class token after the final norm.
    """

    tokens: Float[Tensor, "B tokens D"]
    query: Float[Tensor, "B F"]


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


def joined_feature(
    query: Float[Tensor, "B F"], feature: Float[Tensor, "B F"]
) -> Float[Tensor, "B F"]:
    """Add the features of both passes, each scaled to unit length, in float32.

    Its cosine with a class direction is proportional to the mean of both passes' cosines.

    >>> joined_feature(torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 0.5]]))
    tensor([[1., 1.]])
    """
    return F.normalize(query.float(), dim=1) + F.normalize(feature.float(), dim=1)


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
        reads_both: whether `phase2` classifies `joined_feature` rather than the second pass alone.

    Attributes:
        adapters: None for no adapters.
        early: the map of early matching; None until one is set.
        recompute: whether a backward pass computes the blocks again instead of keeping their
            activations (`FrozenViT.run`).
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
        reads_both: bool = False,
    ) -> None:
        super().__init__()
        self.shape = shape.resolved(backbone.depth)
        assert self.shape.shared_blocks is not None
        self.split = self.shape.shared_blocks
        suffix = backbone.depth - self.split
        length, width = self.shape.length, backbone.width
        self.backbone = backbone
        self.shared = SharedPrompts(backbone.depth, length, width)
        self.pool = PromptPool(self.shape.pool_size, suffix, length, width, backbone.feature_width)
        self.classifier = CosineClassifier(num_classes, backbone.feature_width, dropout=dropout)
        self.adapters: Adapters | None = None  # drawn last: the rest starts alike without them
        if adapter_width:
            self.adapters = Adapters(backbone.depth, width, adapter_width, adapter_scale)
        self.early: EarlyMatch | None = None
        self.recompute = False
        self.reads_both = reads_both
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
    def predict(
        self, images: Float[Tensor, "B 3 H H"], early_margin: float | None = None
    ) -> Output:
        """Run the passes that the model was trained for (`phases`), without gradients.

        Keys and values of the prompts are cached until a prompt changes, within a budget that the
        models on one backbone share (`lpt.model.kv_table`).

        Args:
            early_margin: None matches by the query. A number matches by the map `early`, and by
                the query where the margin of its estimate is smaller.
        """
        table = self._prompt_table(images.device)
        shared = SharedParts(table.shared, self._bottlenecks())
        if self.phases == 1:
            return self.phase1(images, shared)
        if early_margin is None:
            return self.phase2(self.prefix(images, shared), shared, table)
        assert self.early is not None, "no early map"
        assert not self.reads_both, "early matching has no query to read"
        tokens = self.tokens(images, shared)
        match = match_early(
            self.early(self.early_features(tokens, shared)),
            self.pool,
            self.shape.top_k,
            early_margin,
            lambda rows: self._query(tokens[rows], shared),
        )
        feature = self._second_pass(tokens, match, shared, table)
        return Output(self.classifier(feature), feature, None, match)

    def prefix(self, images: Float[Tensor, "B 3 H H"], shared: SharedParts | None = None) -> Prefix:
        """Compute what phase 2 needs of an image: the tokens after block K, and the query."""
        shared = self.shared_parts() if shared is None else shared
        tokens = self.tokens(images, shared)
        return Prefix(tokens, self._query(tokens, shared))

    def tokens(
        self, images: Float[Tensor, "B 3 H H"], shared: SharedParts
    ) -> Float[Tensor, "B tokens D"]:
        """Compute the tokens after block K."""
        first = shared.first(self.split)
        embedded = self.backbone.embed(images)
        return self.backbone.run(embedded, first.sets, first.adapters, recompute=self.recompute)

    def early_features(
        self, tokens: Float[Tensor, "B tokens D"], shared: SharedParts
    ) -> Float[Tensor, "B _"]:
        """Compute what early matching reads of the tokens after block K."""
        rest = shared.after(self.split)
        return early_features(tokens, self.backbone.glance(tokens, rest.sets, rest.adapters))

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
        shared = self.shared_parts() if shared is None else shared
        match = self.pool.match(prefix.query, self.shape.top_k)
        feature = self._second_pass(prefix.tokens, match, shared, table)
        if self.reads_both:
            feature = joined_feature(prefix.query, feature)
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

    def _query(self, tokens: Tensor, shared: SharedParts) -> Float[Tensor, "B D"]:
        rest = shared.after(self.split)
        return self.backbone.finish(tokens, rest.sets, rest.adapters, recompute=self.recompute)

    def _second_pass(
        self,
        tokens: Tensor,
        match: Match,
        shared: SharedParts,
        table: PromptTable | None,
    ) -> Float[Tensor, "B F"]:
        rest = shared.after(self.split)
        group = table.of(match.ids) if table else None
        if group is None:
            group = self.backbone.prompts_kv(match.prompts.unbind(1), first=self.split)
        both = list(zip(rest.prompts, group, strict=True))
        return self.backbone.finish(tokens, both, rest.adapters, recompute=self.recompute)

    def _bottlenecks(self) -> list[Bottleneck]:
        return [] if self.adapters is None else self.adapters.bottlenecks()

    def _prompt_table(self, device: torch.device) -> PromptTable:
        if torch.is_autocast_enabled(device.type):  # other calls may use another precision
            return PromptTable(self.backbone, self.shared.prompts)
        shared, group = self.shared.prompts, self.pool.prompts if self.phases == 2 else None
        return tables_of(self.backbone).get(self, self.backbone, shared, group, self.shape.top_k)
