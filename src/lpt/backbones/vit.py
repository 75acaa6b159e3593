"""A frozen Vision Transformer whose blocks take prompts as extra keys and values.

VPT-Deep appends prompt tokens to a block's input and drops their outputs before the next block, so
a prompt's query, output projection and MLP never reach the image's tokens. Only keys and values do,
and only they are computed. The result equals that of appending full tokens.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from lpt.backbones.attention import BlockPrompts, PromptKV
from lpt.backbones.blocks.bottleneck import Bottleneck
from lpt.backbones.blocks.protocol import PromptedBlock
from lpt.backbones.compact.weight_type import WeightType
from lpt.backbones.linear import CompactLinear, FrozenLinear
from lpt.backbones.spec import BackboneSpec
from lpt.backbones.towers.feature import Feature, feature_of, pooled
from lpt.backbones.towers.feature_name import FeatureName, token_widths
from lpt.backbones.towers.timm_towers import SUPPORTED, reason_against, tower_of
from lpt.backbones.towers.tower import Tower
from lpt.errors import BackboneError, ShapeError
from lpt.machine.processes import one_thread_in_forks

__all__ = ["SUPPORTED", "FrozenViT", "PromptKV"]

_RunBlock = Callable[..., Tensor]


class FrozenViT(nn.Module):
    """A Vision Transformer of timm, frozen and in eval mode, run block by block with prompts.

    Class, register and distillation tokens are carried along as the model defines them. Token order
    is [class, others, patches]; a class token has index 0. Models without one have another
    `feature`.

    Args:
        model: the model to wrap. Its parameters are frozen, and its linear layers replaced by
            `FrozenLinear` layers that share their weights.
        feature: how query and feature are read from the tokens after the last block.

    Attributes:
        spec: name, weight hash and preprocessing; set by `lpt.backbones.load_backbone`.
        width, depth, heads: D, L and the number of attention heads.
        blocks: the model's own blocks, whose submodules baselines replace in a copy.
        prompted: the same blocks behind the `PromptedBlock` protocol.
        tower: everything of the model but its blocks.
        feature: how query and feature are read.
        feature_width: F, numbers per feature: D, or 2 D for class token and mean of the patches.

    Raises: BackboneError for a model that is not in `lpt.backbones.towers`, or whose blocks cannot
        take prompts (windows, parallel blocks).
    """

    spec: BackboneSpec

    def __init__(self, model: nn.Module, feature: FeatureName = "own") -> None:
        super().__init__()
        one_thread_in_forks()
        self.model = cast(Any, model)
        self.tower: Tower = _tower(model)
        self.feature: Feature = feature_of(model, feature)
        self.prompted: list[PromptedBlock] = [
            _wrapped(self.tower, index) for index in range(len(self.model.blocks))
        ]
        self.model.requires_grad_(False)
        for name, module in list(self.model.named_modules()):
            if type(module) is nn.Linear:
                self.model.set_submodule(name, FrozenLinear.of(module))
        self.width: int = self.model.embed_dim
        self.feature_width: int = self.width * token_widths(feature)
        self.blocks: list[Any] = list(self.model.blocks)
        self.depth = len(self.blocks)
        self.heads: int = self.prompted[0].heads
        self.train(False)

    def train(self, mode: bool = True) -> "FrozenViT":  # noqa: ARG002
        """Stay in eval mode whatever is asked: a frozen backbone has no training behaviour."""
        return super().train(False)

    @property
    def weights(self) -> WeightType:
        """Number type of the weights of the blocks' linear layers."""
        layers = (layer for block in self.blocks for layer in block.modules())
        kinds = (layer.kind for layer in layers if isinstance(layer, CompactLinear))
        return next(kinds, "float32")

    @property
    def weight_bytes(self) -> int:
        """Bytes of all weights and buffers."""
        return sum(tensor.nbytes for tensor in chain(self.parameters(), self.buffers()))

    def keep_weights(self, kind: WeightType) -> None:
        """Keep the weights of the blocks' linear layers in another number type, rounded to it.

        Embeddings, norms, biases and everything outside the blocks stay in float32. The hash in
        `spec` stays that of the weights as they were loaded.

        Args:
            kind: "float32" keeps what was rounded before as it is, in float32.
        """
        for block in self.blocks:
            for name, layer in list(block.named_modules()):
                if type(layer) is CompactLinear and layer.kind != kind:
                    layer = layer.restored()
                    block.set_submodule(name, layer)
                if type(layer) is FrozenLinear and kind != "float32":
                    block.set_submodule(name, CompactLinear(layer, kind))

    def embed(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B tokens D"]:
        """Turn images into the tokens that enter the first block, prefix tokens first.

        Raises: ShapeError naming both sizes if the images do not have the backbone's input size.
        """
        expected = self.model.patch_embed.img_size
        if tuple(images.shape[-2:]) != tuple(expected):
            raise ShapeError(
                f"images of {tuple(images.shape[-2:])} for a backbone of input size "
                f"{tuple(expected)}; resize them or load the backbone with that image_size."
            )
        return self.tower.embed(images)

    def prompt_kv(self, block: int, prompts: Float[Tensor, "*B P D"]) -> PromptKV:
        """Project prompt tokens to the keys and values of one block, through the block's own norm.

        Args:
            block: index of the block, 0..L-1.
            prompts: (P, D), shared by all images, or (B, P, D), one set per image.
        Raises: ShapeError if D is not the backbone's width.
        Source: VPT-Deep (Jia et al., ECCV 2022, eq. 5); LPT (ICLR 2023), section 4.1.
        """
        if prompts.shape[-1] != self.width:
            raise ShapeError(f"prompts of width {prompts.shape[-1]} for a backbone of {self.width}")
        batched = prompts if prompts.dim() == 3 else prompts.unsqueeze(0)
        return self.prompted[block].prompt_kv(batched)

    def prompts_kv(
        self, prompts: Sequence[Float[Tensor, "*B P D"]] | Tensor, first: int = 0
    ) -> list[PromptKV]:
        """Project one prompt set per block, for blocks `first`, `first + 1`, ..."""
        return [self.prompt_kv(first + i, p) for i, p in enumerate(prompts)]

    def run(
        self,
        tokens: Float[Tensor, "B tokens D"],
        prompts: Sequence[BlockPrompts],
        adapters: Sequence[Bottleneck] = (),
        *,
        first: int = 0,
        recompute: bool = False,
    ) -> Float[Tensor, "B tokens D"]:
        """Run `len(prompts)` consecutive blocks on all tokens, from block `first` on.

        The prefix of the method is `run(embed(images), shared[:K])`: the tokens after block K.

        Args:
            prompts: for each block, its prompt sets; () for a block without prompts.
            adapters: for each block, its adapter; () for no adapters.
            first: index of the first block, 0..L-1.
            recompute: keep only the input of each block for a backward pass, which computes the
                block again (Chen et al., 2016, "Training Deep Nets with Sublinear Memory Cost").
        """
        call = _recomputed if recompute and torch.is_grad_enabled() else _called
        for offset, (extra, adapter) in enumerate(_paired(prompts, adapters)):
            tokens = call(self.prompted[first + offset].run, tokens, extra, adapter)
        return tokens

    def finish(
        self,
        tokens: Float[Tensor, "B tokens D"],
        prompts: Sequence[BlockPrompts],
        adapters: Sequence[Bottleneck] = (),
        *,
        recompute: bool = False,
    ) -> Float[Tensor, "B F"]:
        """Run the last `len(prompts)` blocks and return the feature.

        Where the feature is the class token, nothing reads the patch tokens after the last block,
        so that block computes the class token only: one query and one row of the MLP.

        Args:
            prompts, adapters, recompute: as for `run`.
        """
        first = self.depth - len(prompts)
        if self.feature is not Feature.CLASS_TOKEN:
            return self.pooled(
                self.run(tokens, prompts, adapters, first=first, recompute=recompute)
            )
        *_, (extra, adapter) = _paired(prompts, adapters)
        tokens = self.run(tokens, prompts[:-1], adapters[:-1], first=first, recompute=recompute)
        class_token = self.prompted[-1].run_class_token(tokens, extra, adapter)
        return self.final_norm(class_token[:, 0])

    def glance(
        self,
        tokens: Float[Tensor, "B tokens D"],
        prompts: Sequence[BlockPrompts],
        adapters: Sequence[Bottleneck] = (),
    ) -> Float[Tensor, "B D"]:
        """Run the last `len(prompts)` blocks for the class token only, over tokens that stay.

        It approximates the class token of `finish` at a hundredth of its cost per block. Where the
        feature has no class token, it is read from the tokens as they are.

        Args:
            prompts, adapters: as for `run`.
        """
        if self.feature not in (Feature.CLASS_TOKEN, Feature.CLASS_AND_MEAN):
            return self.pooled(tokens)
        first = self.depth - len(prompts)
        for offset, (extra, adapter) in enumerate(_paired(prompts, adapters)):
            class_token = self.prompted[first + offset].run_class_token(tokens, extra, adapter)
            tokens = torch.cat([class_token, tokens[:, 1:]], dim=1)
        return self.final_norm(tokens[:, 0])

    def pooled(self, tokens: Float[Tensor, "B tokens D"]) -> Float[Tensor, "B F"]:
        """Read the feature from the tokens after the last block, final norm included."""
        return pooled(self.model, self.feature, tokens)

    def final_norm(self, class_token: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:
        """Apply the norm that precedes the head; models that pool first keep it in `fc_norm`."""
        normed: Tensor = self.model.fc_norm(self.model.norm(class_token))
        return normed

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B F"]:
        """Return the feature without any prompts."""
        return self.finish(self.embed(images), [()] * self.depth)


def _called(run: _RunBlock, *arguments: Any) -> Tensor:
    return run(*arguments)


def _recomputed(run: _RunBlock, *arguments: Any) -> Tensor:
    """Call without keeping activations. Blocks draw no random numbers, so no state is kept."""
    result: Tensor = checkpoint(run, *arguments, use_reentrant=False, preserve_rng_state=False)
    return result


def _paired(
    prompts: Sequence[BlockPrompts], adapters: Sequence[Bottleneck]
) -> Iterable[tuple[BlockPrompts, Bottleneck | None]]:
    beside: Sequence[Bottleneck | None] = adapters or [None] * len(prompts)
    return zip(prompts, beside, strict=True)


def _tower(model: nn.Module) -> Tower:
    tower = tower_of(model)
    if tower is None:
        raise _refused(model)
    return tower


def _wrapped(tower: Tower, index: int) -> PromptedBlock:
    wrapped = tower.wrap(index)
    if wrapped is None:
        raise _refused(tower.model)
    return wrapped


def _refused(model: nn.Module) -> BackboneError:
    return BackboneError(
        f"{type(model).__name__}: {reason_against(model)}. Supported: {SUPPORTED}."
    )
