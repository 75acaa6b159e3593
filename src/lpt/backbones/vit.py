"""A frozen Vision Transformer whose blocks take prompts as extra keys and values.

A prompt token never asks: its query, output projection and MLP would be thrown away (VPT-Deep drops
the outputs of a block's prompts before the next block). Keys and values are all that reach the
image's tokens, so they are all that is computed. The result is that of appending full tokens.
"""

from collections.abc import Sequence
from typing import Any

from jaxtyping import Float
from timm.layers import Mlp
from timm.models.vision_transformer import Attention, Block, VisionTransformer
from torch import Tensor, nn

from lpt.backbones.attention import (
    BlockPrompts,
    PromptKV,
    attend,
    class_token_attends,
    keys_values,
    queries,
)
from lpt.backbones.linear import FrozenLinear, frozen_linear
from lpt.backbones.spec import BackboneSpec
from lpt.errors import BackboneError, ShapeError

__all__ = ["SUPPORTED", "FrozenViT", "PromptKV"]

SUPPORTED = (
    "timm's VisionTransformer with a class token and learned positions: "
    "ViT, DeiT, DINO, DINOv2 (with or without registers), CLIP image towers, MAE"
)


class FrozenViT(nn.Module):
    """A timm `VisionTransformer`, always frozen and in eval mode, run block by block with prompts.

    Register and distillation tokens are carried along as the model defines them. Token order is
    [class, others, patches]; the class token is index 0.

    Attributes:
        spec: name, weight hash, preprocessing; set by `lpt.backbones.load_backbone`.
        width, depth, heads: D, L and the number of attention heads.

    Raises: BackboneError for a model without a class token or with blocks of another kind
        (rotary positions, relative position bias, parallel blocks).
    """

    spec: BackboneSpec

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = _checked(model)
        self.model.requires_grad_(False)
        for name, module in list(self.model.named_modules()):
            if type(module) is nn.Linear:
                self.model.set_submodule(name, FrozenLinear.of(module))
        self.width: int = self.model.embed_dim
        self.blocks: list[Any] = list(self.model.blocks)
        self.depth = len(self.blocks)
        self.heads: int = self.blocks[0].attn.num_heads
        self.train(False)

    def train(self, mode: bool = True) -> "FrozenViT":  # noqa: ARG002
        """Stay in eval mode whatever is asked: a frozen backbone has no training behaviour."""
        return super().train(False)

    def embed(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B tokens D"]:
        """Turn images into the tokens that enter the first block: class token first.

        Raises: ShapeError naming both sizes if the images are not of the backbone's input size.
        """
        expected = self.model.patch_embed.img_size
        if tuple(images.shape[-2:]) != tuple(expected):
            raise ShapeError(
                f"images of {tuple(images.shape[-2:])} for a backbone of input size "
                f"{tuple(expected)}; resize them or load the backbone with that image_size."
            )
        tokens = self.model._pos_embed(self.model.patch_embed(images))
        embedded: Tensor = self.model.norm_pre(self.model.patch_drop(tokens))
        return embedded

    def prompt_kv(self, block: int, prompts: Float[Tensor, "*B P D"]) -> PromptKV:
        """Project prompt tokens to the keys and values of one block, through its own norm1.

        Args:
            block: index of the block, 0..L-1.
            prompts: (P, D) for all images alike, or (B, P, D) for prompts of their own.
        Source: method of VPT-Deep (Jia et al., ECCV 2022, eq. 5); LPT (ICLR 2023), section 4.1.
        """
        if prompts.shape[-1] != self.width:
            raise ShapeError(f"prompts of width {prompts.shape[-1]} for a backbone of {self.width}")
        module = self.blocks[block]
        normed = module.norm1(prompts)
        return keys_values(module.attn, normed if normed.dim() == 3 else normed.unsqueeze(0))

    def prompts_kv(
        self, prompts: Sequence[Float[Tensor, "*B P D"]] | Tensor, first: int = 0
    ) -> list[PromptKV]:
        """Keys and values for consecutive blocks `first`, `first + 1`, ...; one prompt set each."""
        return [self.prompt_kv(first + i, p) for i, p in enumerate(prompts)]

    def run(
        self,
        tokens: Float[Tensor, "B tokens D"],
        prompts: Sequence[BlockPrompts],
        *,
        first: int = 0,
    ) -> Float[Tensor, "B tokens D"]:
        """Run blocks `first`, `first + 1`, ... on all tokens; `prompts[i]` belongs to the i-th run.

        Prefix of the method: `run(embed(images), shared[:K])` gives the tokens after block K.
        """
        for offset, extra in enumerate(prompts):
            tokens = _run_block(self.blocks[first + offset], tokens, extra)
        return tokens

    def finish(
        self,
        tokens: Float[Tensor, "B tokens D"],
        prompts: Sequence[BlockPrompts],
    ) -> Float[Tensor, "B D"]:
        """Run the last `len(prompts)` blocks and return the class token after the final norm.

        Nothing reads the patch tokens of the last block, so it is computed for the class token
        alone: one query, one MLP row.
        """
        first = self.depth - len(prompts)
        tokens = self.run(tokens, prompts[:-1], first=first)
        class_token = _run_block(self.blocks[-1], tokens, prompts[-1], class_token_only=True)
        return self.final_norm(class_token[:, 0])

    def final_norm(self, class_token: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:
        """Apply the norm that precedes the head; models that pool first keep it in `fc_norm`."""
        normed: Tensor = self.model.fc_norm(self.model.norm(class_token))
        return normed

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B D"]:
        """Return the plain, unprompted class token after the final norm."""
        return self.finish(self.embed(images), [()] * self.depth)


def _run_block(
    block: Any, x: Tensor, prompts: BlockPrompts, *, class_token_only: bool = False
) -> Tensor:
    """Run one pre-norm block: x attends to itself and the prompts; the MLP sees x only."""
    attention = block.attn
    normed = block.norm1(x)
    if class_token_only:
        mixed = class_token_attends(attention, normed, prompts)
        x, normed = x[:, :1], normed[:, :1]
    else:
        query, (key, value) = queries(attention, normed), keys_values(attention, normed)
        mixed = attend(query, key, value, prompts, attention.scale)
    mixed = attention.norm(mixed.transpose(1, 2).flatten(2))
    if attention.gate is not None:
        mixed = mixed * attention.gate(normed).sigmoid()
    x = x + block.ls1(attention.proj(mixed))
    result: Tensor = x + block.ls2(_mlp(block.mlp, block.norm2(x)))
    return result


def _mlp(mlp: Any, x: Tensor) -> Tensor:
    """Run the MLP, exact GELU in the same pass over memory as the product before it."""
    if type(mlp) is not Mlp or not _exact_gelu(mlp.act) or not isinstance(mlp.norm, nn.Identity):
        result: Tensor = mlp(x)
        return result
    hidden = frozen_linear(x, mlp.fc1.weight, mlp.fc1.bias, gelu=True)
    return frozen_linear(hidden, mlp.fc2.weight, mlp.fc2.bias)


def _exact_gelu(activation: nn.Module) -> bool:
    return type(activation) is nn.GELU and activation.approximate == "none"


def _checked(model: nn.Module) -> VisionTransformer:
    name = type(model).__name__
    if not isinstance(model, VisionTransformer):
        raise BackboneError(f"{name}: not supported as a backbone. Supported: {SUPPORTED}.")
    if model.cls_token is None:
        raise BackboneError(f"{name}: has no class token. Supported: {SUPPORTED}.")
    for block in model.blocks:
        if type(block) is not Block or type(block.attn) is not Attention:
            raise BackboneError(
                f"{name}: its blocks ({type(block).__name__} with "
                f"{type(getattr(block, 'attn', None)).__name__}) cannot take prompts. "
                f"Supported: {SUPPORTED}."
            )
    return model
