"""A tiny random model of every family of backbones, and how its own blocks take more tokens."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from timm.layers import QuickGELU, SwiGLUPacked
from timm.models.beit import Beit
from timm.models.deit import VisionTransformerDistilled
from timm.models.eva import Eva
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from lpt.backbones.towers.input_sizes import resize_input

WIDTH, DEPTH = 32, 4


def make(kind: type[nn.Module] = VisionTransformer, **changes: object) -> nn.Module:
    """4 x 4 patches of 8 px unless changed; every weight random, so that none is without effect."""
    arguments = {
        "img_size": 32,
        "patch_size": 8,
        "embed_dim": WIDTH,
        "depth": DEPTH,
        "num_heads": 2,
        "num_classes": 0,
    }
    model = kind(**{**arguments, **changes})
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def eva(**changes: object) -> nn.Module:
    """Rotary positions beside learned ones, as in EVA-02."""
    return make(Eva, **{"use_rot_pos_emb": True, **changes})


def beit(**changes: object) -> nn.Module:
    """A bias for relative positions in every block, and layer scale, as in BEiT."""
    settings = {"use_abs_pos_emb": False, "use_rel_pos_bias": True, "init_values": 0.3}
    return make(Beit, **{**settings, **changes})


def resized(model: nn.Module) -> nn.Module:
    """The same model for images of 48 pixels."""
    resize_input("a tiny model", model, 48)
    return model


DINO3: dict[str, object] = {
    "use_abs_pos_emb": False,
    "rope_type": "dinov3",
    "rope_temperature": 100,
    "rope_rotate_half": True,
    "rope_grid_offset": 0.0,
    "num_reg_tokens": 4,
    "init_values": 0.3,
    "use_fc_norm": False,
}
"""The settings of timm's DINOv3."""

READABLE: dict[str, Callable[[], nn.Module]] = {
    "plain": make,
    "layer scale": lambda: make(init_values=0.5),
    "registers without positions": lambda: make(reg_tokens=4, no_embed_class=True),
    "registers with positions": lambda: make(reg_tokens=3),
    "class token without position (DeiT-3)": lambda: make(no_embed_class=True, init_values=0.3),
    "query-key norm": lambda: make(qk_norm=True),
    "scale norms": lambda: make(scale_attn_norm=True, scale_mlp_norm=True),
    "no qkv bias": lambda: make(qkv_bias=False),
    "no projection bias": lambda: make(proj_bias=False),
    "distillation token": lambda: make(VisionTransformerDistilled),
    "averaged, so norm after pooling": lambda: make(global_pool="avg"),
    "no final norm": lambda: make(final_norm=False),
    "another input size": lambda: resized(make()),
    "attention pool (SigLIP)": lambda: make(class_token=False, global_pool="map"),
    "mean of patches": lambda: make(class_token=False, global_pool="avg"),
    "mean of patches after the norm": lambda: make(
        class_token=False, global_pool="avg", fc_norm=False
    ),
}
"""Architectures that tensor shapes determine."""

KINDS = READABLE | {
    "pre-norm, quick GELU (CLIP)": lambda: make(pre_norm=True, act_layer=QuickGELU),
    "gated MLP (DINOv2 giant)": lambda: make(mlp_layer=SwiGLUPacked),
    "input size decided at run time": lambda: make(dynamic_img_size=True),
    "mean of patches and registers": lambda: make(
        class_token=False, global_pool="avg", reg_tokens=2, no_embed_class=True
    ),
    "EVA": lambda: make(Eva),
    "EVA-02 tiny": lambda: eva(swiglu_mlp=True),
    "EVA-02 base": lambda: eva(
        swiglu_mlp=True, scale_mlp=True, qkv_fused=False, use_fc_norm=True, global_pool="avg"
    ),
    "EVA-02 CLIP": lambda: eva(
        swiglu_mlp=True, scale_mlp=True, scale_attn_inner=True, global_pool="token"
    ),
    "DINOv3": lambda: eva(**DINO3, qkv_bias=False),
    "DINOv3 with qkv bias": lambda: eva(**DINO3, swiglu_mlp=True, swiglu_align_to=8),
    "DINOv3 at another input size": lambda: resized(eva(**DINO3)),
    "DINOv3, input size decided at run time": lambda: eva(**DINO3, dynamic_img_size=True),
    "PE-Core": lambda: eva(
        attn_type="rope",
        global_pool="map",
        use_pre_transformer_norm=True,
        use_fc_norm=False,
        init_values=0.1,
        rope_grid_offset=1.0,
        rope_grid_indexing="xy",
        ref_feat_shape=(4, 4),
    ),
    "rotary, no class token (SBB)": lambda: eva(
        class_token=False, num_reg_tokens=1, no_embed_class=True, qk_norm=True, attn_type="rope"
    ),
    "rotary positions learned for each block": lambda: eva(
        rope_type="mixed", use_abs_pos_emb=False, global_pool="token", attn_type="rope"
    ),
    "fewer heads for keys (Sapiens2)": lambda: eva(
        attn_type="rope", qkv_fused=False, num_kv_heads=1, global_pool="token", qk_norm=True
    ),
    "BEiT": beit,
    "BEiT, class token": lambda: beit(global_pool="token"),
    "BEiT, shared bias": lambda: beit(
        use_rel_pos_bias=False, use_shared_rel_pos_bias=True, global_pool="token"
    ),
    "BEiT without bias, with positions": lambda: beit(
        use_rel_pos_bias=False, use_abs_pos_emb=True, init_values=None, qkv_bias=False
    ),
    "BEiT at another input size": lambda: resized(beit(global_pool="token")),
}


def features_of_timm(model: Any, images: Tensor) -> Tensor:
    """timm's features: those before its classifier, or the class token behind its norm."""
    tokens = model.forward_features(images)
    own_pool = model.cls_token is None or getattr(model, "attn_pool", None) is not None
    classified_by_mean = isinstance(model, Eva | Beit) and type(model.fc_norm) is not nn.Identity
    if own_pool or classified_by_mean:
        return model.forward_head(tokens, pre_logits=True)
    return model.fc_norm(tokens[:, 0])


def with_appended(model: Any, index: int, x: Tensor, prompts: Tensor) -> Tensor:
    """A block of timm with further tokens, whose outputs are dropped. Nothing of lpt is used.

    Args:
        x: (B, tokens, D).
        prompts: (P, D).
    """
    block, number = model.blocks[index], len(prompts)
    extra = prompts.expand(len(x), -1, -1)
    if isinstance(model, Eva):
        return _eva_block(model, index, x, extra)
    if isinstance(model, Beit):
        return _beit_block(model, index, x, extra)
    return block(torch.cat([x, extra], dim=1))[:, : x.shape[1]] if number else block(x)


def _eva_block(model: Any, index: int, x: Tensor, extra: Tensor) -> Tensor:
    """As further prefix tokens, which timm's attention does not rotate."""
    block, prefix, number = model.blocks[index], model.num_prefix_tokens, extra.shape[1]
    _, rope = model._pos_embed(model.patch_embed(torch.zeros(1, 3, *model.patch_embed.img_size)))
    if model.rope_mixed:
        rope = rope[index]
    block.attn.num_prefix_tokens = prefix + number
    try:
        out = block(torch.cat([x[:, :prefix], extra, x[:, prefix:]], dim=1), rope=rope)
    finally:
        block.attn.num_prefix_tokens = prefix
    return torch.cat([out[:, :prefix], out[:, prefix + number :]], dim=1)


def _beit_block(model: Any, index: int, x: Tensor, extra: Tensor) -> Tensor:
    """With the table of biases padded by zeros."""
    block, number = model.blocks[index], extra.shape[1]
    attention, pad = block.attn, (0, number, 0, number)
    shared = None if model.rel_pos_bias is None else F.pad(model.rel_pos_bias(), pad)
    plain = attention._get_rel_pos_bias
    attention._get_rel_pos_bias = lambda: F.pad(plain(), pad)
    try:
        out = block(torch.cat([x, extra], dim=1), shared_rel_pos_bias=shared)
    finally:
        del attention._get_rel_pos_bias
    return out[:, : x.shape[1]]
