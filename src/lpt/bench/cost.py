"""Cost model of the method: floating-point operations and block runs per image.

A multiply-add counts as two operations. Norms, softmax, GELU and residuals are left out: they are
memory traffic and below 1 % of the operations. Work that does not grow with the batch (keys and
values of shared prompts) is left out too.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn

from lpt.backbones.towers.feature import Feature
from lpt.model.two_pass import LongTailedPromptModel

__all__ = ["Sizes", "block_runs", "needed_flops", "sizes_of"]


@dataclass(frozen=True)
class Sizes:
    """Sizes that determine the cost.

    Attributes:
        tokens: image tokens, class and register tokens included.
        width, hidden: D and the hidden width of the MLP.
        depth, split: L and K.
        length: P.
        heads: attention heads.
        patch_inputs: numbers per patch (3 * size * size).
        adapter: hidden neurons of the adapter of each block, in "phase1_adapters" only.
        pooled: whether the feature is made of all patches, so that no block is shortened.
    """

    tokens: int
    width: int
    hidden: int
    depth: int
    split: int
    length: int
    heads: int
    patch_inputs: int
    adapter: int = 0
    pooled: bool = False


def sizes_of(model: LongTailedPromptModel) -> Sizes:
    """Read the sizes from a model."""
    vit = model.backbone.model
    patches = vit.patch_embed.num_patches
    return Sizes(
        tokens=patches + vit.num_prefix_tokens,
        width=model.backbone.width,
        hidden=_hidden(vit.blocks[0].mlp, model.backbone.width),
        depth=model.backbone.depth,
        split=model.split,
        length=model.shape.length,
        heads=model.backbone.heads,
        patch_inputs=vit.patch_embed.proj.weight[0].numel(),
        adapter=model.adapter_width,
        pooled=model.backbone.feature is not Feature.CLASS_TOKEN,
    )


def _hidden(mlp: nn.Module, width: int) -> int:
    """The hidden width of an MLP of two products; that of equal work for a gated one."""
    return sum(p.numel() for p in mlp.parameters() if p.dim() == 2) // (2 * width)


def needed_flops(sizes: Sizes) -> Mapping[str, float]:
    """Compute the operations per image that each task needs, by name of the task.

    "bare" is the backbone without prompts, with all tokens in all blocks. A pass of the method runs
    its last block for the class token only, if that is the feature. In the backward pass, a block
    costs its products once (for its input; frozen weights have no gradient) and its attention
    twice. The first block with trainable prompts needs neither its query, key and value products
    nor attention to its tokens. A product of an adapter costs three times its forward pass, since
    its weights are trained too.
    """
    n, d, h, p = sizes.tokens, sizes.width, sizes.hidden, sizes.length
    suffix = sizes.depth - sizes.split
    qkv, after = 2 * n * 3 * d * d, 2 * n * (d * d + 2 * d * h)
    embed = 2 * n * sizes.patch_inputs * d
    project = 2 * p * 2 * d * d

    def attention(prompts: int) -> float:
        return 4.0 * n * (n + prompts) * d

    def block(prompts: int) -> float:
        return qkv + after + attention(prompts)

    def last(whole: float) -> float:
        return whole if sizes.pooled else 2 * (4 * d * d + 2 * d * h) + 4 * n * d * sizes.heads

    def backward(blocks: int, prompts: int, trainable: int) -> float:
        full = qkv + after + 2 * attention(prompts)
        first = after + 8.0 * n * trainable * d
        return first + (blocks - 2) * full + last(full)

    one_pass = embed + (sizes.depth - 1) * block(p) + last(block(p))
    second = (suffix - 1) * block(2 * p) + last(block(2 * p))
    prompts_kv = suffix * project
    cached = second + prompts_kv + backward(suffix, 2 * p, p) + prompts_kv
    phase1 = one_pass + backward(sizes.depth, p, p)
    prefix = embed + sizes.split * block(p)
    adapters = 3 * ((sizes.depth - 1) * n + 1) * 4 * d * sizes.adapter
    return {
        "bare": embed + sizes.depth * block(0),
        "inference": one_pass + second,
        "inference_early": prefix + second,
        "phase1": phase1,
        "phase1_adapters": phase1 + adapters,
        "phase2": one_pass + cached,
        "phase2_cached": cached,
    }


def block_runs(sizes: Sizes) -> Mapping[str, float]:
    """Count forward block runs per image; a block for the class token only counts as zero."""
    suffix = sizes.depth - sizes.split
    return {
        "bare": sizes.depth,
        "plain_inference": 2 * sizes.depth,
        "inference": sizes.split + 2 * (suffix - 1),
        "inference_early": sizes.depth - 1,
        "phase1": sizes.depth - 1,
        "phase2": sizes.split + 2 * (suffix - 1),
        "phase2_cached": suffix - 1,
    }
