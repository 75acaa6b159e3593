"""A plain implementation of the method for comparison: no optimisation, nothing slow on purpose.

Prompts are appended to the image's tokens as full tokens, and their outputs are dropped after each
block (VPT-Deep). Attention is a matmul, a softmax and a matmul. The last block runs for all tokens,
and phase 2 makes two full passes. The parameters are shared with a `LongTailedPromptModel`, so
results and gradients can be compared directly.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from lpt.model.two_pass import LongTailedPromptModel, joined_feature
from lpt.records import Output

__all__ = ["PlainModel"]

Tokens = Float[Tensor, "B tokens D"]


class PlainModel(nn.Module):
    """The reference for results and speed; it has the parameters and outputs of the given model.

    Args:
        model: the model whose prompts, keys, classifier and backbone weights are used.
        vit: timm's own model with the same weights; None uses the backbone of `model`.
    """

    def __init__(self, model: LongTailedPromptModel, vit: nn.Module | None = None) -> None:
        super().__init__()
        self.vit: Any = model.backbone.model if vit is None else vit
        self.shared, self.pool, self.classifier = model.shared, model.pool, model.classifier
        self.adapters = model.adapters
        self.split, self.top_k = model.split, model.shape.top_k
        self.reads_both = model.reads_both

    def phase1(self, images: Float[Tensor, "B 3 H H"]) -> Output:
        """Run one full pass with the shared prompts, then the classifier."""
        query = self._pass(images, [[prompts] for prompts in self.shared.prompts])
        return Output(self.classifier(query), query, query)

    def forward(self, images: Float[Tensor, "B 3 H H"]) -> Output:
        """Run two full passes: one for the query, one with shared and matched prompts."""
        with torch.no_grad():
            query = self._pass(images, [[prompts] for prompts in self.shared.prompts])
        match = self.pool.match(query, self.top_k)
        appended = [[prompts.detach()] for prompts in self.shared.prompts]
        for block, group in enumerate(match.prompts.unbind(1), start=self.split):
            appended[block].append(group)
        feature = self._pass(images, appended, fixed=True)
        if self.reads_both:
            feature = joined_feature(query, feature)
        return Output(self.classifier(feature), feature, query, match)

    def _pass(
        self, images: Tensor, appended: Sequence[Sequence[Tensor]], *, fixed: bool = False
    ) -> Float[Tensor, "B D"]:
        """Run the backbone with appended prompts; `fixed` adapters get no gradient."""
        vit = self.vit
        x = vit.norm_pre(vit._pos_embed(vit.patch_embed(images)))
        for index, (block, prompts) in enumerate(zip(vit.blocks, appended, strict=True)):
            full = torch.cat([x, *(p.expand(len(x), -1, -1) for p in prompts)], dim=1)
            adapter = self._adapter(index, fixed=fixed)
            x = _block(block, full, adapter)[:, : x.shape[1]]
        feature: Tensor = vit.fc_norm(vit.norm(x)[:, 0])
        return feature

    def _adapter(self, index: int, *, fixed: bool) -> tuple[Tensor, ...] | None:
        """Weights of the adapter of a block: W_down, b, W_up, c and s."""
        own = self.adapters
        if own is None:
            return None
        tensors = (own.down, own.down_bias, own.up, own.up_bias, own.scale)
        return tuple(t[index].detach() if fixed else t[index] for t in tensors)


def _block(block: Any, x: Tokens, adapter: tuple[Tensor, ...] | None) -> Tokens:
    x = x + block.ls1(_attention(block.attn, block.norm1(x)))
    normed = block.norm2(x)
    change = block.mlp(normed)
    if adapter is not None:
        down, down_bias, up, up_bias, scale = adapter
        change = change + scale * (F.relu(normed @ down + down_bias) @ up + up_bias)
    result: Tensor = x + block.ls2(change)
    return result


def _attention(attention: Any, x: Tokens) -> Tokens:
    batch, tokens, _ = x.shape
    qkv = attention.qkv(x).view(batch, tokens, 3, attention.num_heads, -1)
    query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
    query, key = attention.q_norm(query), attention.k_norm(key)
    weights = F.softmax((query * attention.scale) @ key.transpose(-2, -1), dim=-1)
    mixed = attention.norm((weights @ value).transpose(1, 2).reshape(batch, tokens, -1))
    if attention.gate is not None:
        mixed = mixed * attention.gate(x).sigmoid()
    result: Tensor = attention.proj(mixed)
    return result
