"""The image towers of OpenCLIP's models under timm's names.

A tower is OpenCLIP's own ViT (`visual.conv1.weight`, ...), or a model of timm (`visual.trunk.`).
"""

from collections.abc import Mapping

from torch import Tensor

__all__ = ["PATCHES", "from_open_clip", "is_open_clip"]

_TOWER, _TRUNK = "visual.", "visual.trunk."
_OF_META = "visual.attn_pool."
"""PE of its authors has nearly the names of OpenCLIP's ViT; timm knows them."""

PATCHES = ("visual.conv1.weight", "visual.trunk.patch_embed.proj.weight")
"""Names of the projection of patches."""

_BLOCKS = "transformer.resblocks."
_OUTER = {
    "conv1.weight": "patch_embed.proj.weight",
    "class_embedding": "cls_token",
    "positional_embedding": "pos_embed",
    "ln_pre.weight": "norm_pre.weight",
    "ln_pre.bias": "norm_pre.bias",
    "ln_post.weight": "norm.weight",
    "ln_post.bias": "norm.bias",
}
_INNER = {
    "attn.in_proj_weight": "attn.qkv.weight",
    "attn.in_proj_bias": "attn.qkv.bias",
    "attn.out_proj.weight": "attn.proj.weight",
    "attn.out_proj.bias": "attn.proj.bias",
    "ln_1.weight": "norm1.weight",
    "ln_1.bias": "norm1.bias",
    "ln_2.weight": "norm2.weight",
    "ln_2.bias": "norm2.bias",
    "ls_1.gamma": "ls1.gamma",
    "ls_2.gamma": "ls2.gamma",
    "mlp.c_fc.weight": "mlp.fc1.weight",
    "mlp.c_fc.bias": "mlp.fc1.bias",
    "mlp.c_proj.weight": "mlp.fc2.weight",
    "mlp.c_proj.bias": "mlp.fc2.bias",
}


def is_open_clip(tensors: Mapping[str, Tensor]) -> bool:
    """Whether names are those of a model of OpenCLIP."""
    of_meta = any(name.startswith(_OF_META) for name in tensors)
    return not of_meta and any(name in tensors for name in PATCHES)


def from_open_clip(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Rename the image tower. Its projection and the text tower are left out.

    Returns: tensors under timm's names, and what the layout implies.
    """
    if PATCHES[1] in tensors:
        own = {
            name.removeprefix(_TRUNK): tensor
            for name, tensor in tensors.items()
            if name.startswith(_TRUNK)
        }
        return own, {}
    found = {}
    for full, tensor in tensors.items():
        name = full.removeprefix(_TOWER)
        if name in (full, "proj"):
            continue
        if name.startswith(_BLOCKS):
            number, _, inner = name.removeprefix(_BLOCKS).partition(".")
            found[f"blocks.{number}.{_INNER.get(inner, inner)}"] = tensor
            continue
        renamed = _OUTER.get(name, name)
        if renamed == "cls_token" and tensor.dim() == 1:
            tensor = tensor.reshape(1, 1, -1)
        if renamed == "pos_embed" and tensor.dim() == 2:
            tensor = tensor.unsqueeze(0)
        found[renamed] = tensor
    if "norm_pre.weight" not in found and "patch_embed.proj.weight" in found:
        patches = found["patch_embed.proj.weight"]
        found["patch_embed.proj.bias"] = patches.new_zeros(patches.shape[0])  # timm has one then
    return found, {"layer_norm_eps": "1e-5"}
