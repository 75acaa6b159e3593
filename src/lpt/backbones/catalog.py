"""Backbones worth knowing, as a table, and what their names mean.

Any other timm ViT with a class token works as well; the table is advice, not a limit.
"""

from dataclasses import dataclass, replace
from typing import Literal

import timm
from huggingface_hub import try_to_load_from_cache
from timm.models import get_deprecated_models, get_pretrained_cfg, is_model_pretrained

__all__ = [
    "EMBEDDED",
    "HUB_WEIGHTS",
    "CatalogEntry",
    "canonical_name",
    "list_backbones",
    "warn_if_leaky",
]

HUB_WEIGHTS = "model.safetensors"
"""The weights file of a hub repository or folder; the only one that is ever opened."""

Place = Literal["embedded", "cached", "hub", "file"]


@dataclass(frozen=True)
class CatalogEntry:
    """A row of the catalog.

    Attributes:
        name: what `load_backbone` takes.
        role: what it is for, in the paper or in the field.
        data: pretraining data, and whether its labels were used.
        parameters: millions, without a head.
        image_size: native input side in pixels.
        place: "embedded" in this package, "cached" on this machine, on the "hub", or a "file" that
            the user brings.
        note: what to beware of.
        sha256: `hash_weights` where this project vouches for the weights, else "".
    """

    name: str
    role: str
    data: str
    parameters: float
    image_size: int
    place: Place = "hub"
    note: str = ""
    sha256: str = ""


EMBEDDED = CatalogEntry(
    name="vit_tiny_patch8_64",
    role="default without a download",
    data="Tiny ImageNet, 100 classes, labels",
    parameters=5.4,
    image_size=64,
    place="embedded",
    note="small and trained on 50,000 images: take another for real work",
    sha256="b563db1cb2afbdb7603914370a159d0c81802690fae3c637d765a115386db5a7",
)

_PAPER = "the paper's backbone"
_IN21K = "ImageNet-21k, labels"
_IN1K = "ImageNet-1k, labels"
_IN1K_IMAGES = "ImageNet-1k, no labels"
_LVD = "LVD-142M, no labels"
_WIT = "400 M image-text pairs"
_QUICK = "OpenAI's CLIP needs the quickgelu architecture"

_CATALOG = (
    EMBEDDED,
    CatalogEntry("vit_base_patch16_224.augreg_in21k", f"{_PAPER}, default", _IN21K, 85.8, 224),
    CatalogEntry("vit_small_patch16_224.augreg_in21k", f"{_PAPER}, small", _IN21K, 21.7, 224),
    CatalogEntry("vit_tiny_patch16_224.augreg_in21k", f"{_PAPER}, tiny", _IN21K, 5.5, 224),
    CatalogEntry("vit_large_patch16_224.augreg_in21k", "same family, large", _IN21K, 303.3, 224),
    CatalogEntry(
        "vit_base_patch16_224.augreg2_in21k_ft_in1k",
        "later papers' 'IN21K' (timm's untagged vit_base_patch16_224)",
        f"{_IN21K}; then {_IN1K}",
        85.8,
        224,
        note="not the paper's backbone: saw ImageNet-1k's labels",
    ),
    CatalogEntry("deit_base_patch16_224.fb_in1k", "DeiT, compared in the paper", _IN1K, 85.8, 224),
    CatalogEntry("deit_small_patch16_224.fb_in1k", "DeiT, small", _IN1K, 21.7, 224),
    CatalogEntry(
        "deit_base_distilled_patch16_224.fb_in1k", "DeiT, distillation token", _IN1K, 85.8, 224
    ),
    CatalogEntry(
        "vit_base_patch16_224.dino", "DINO, compared in the paper", _IN1K_IMAGES, 85.8, 224
    ),
    CatalogEntry("vit_small_patch16_224.dino", "DINO, small", _IN1K_IMAGES, 21.7, 224),
    CatalogEntry(
        "vit_base_patch16_224.dino@FILE",
        "Mugs, compared in the paper",
        _IN1K_IMAGES,
        85.8,
        224,
        place="file",
        note="its authors' weights, converted to safetensors; DINO's preprocessing",
    ),
    CatalogEntry(
        "vit_base_patch16_224.mae",
        "MAE",
        _IN1K_IMAGES,
        85.8,
        224,
        note="its class token was never trained to describe the image: weak while frozen",
    ),
    CatalogEntry("vit_small_patch14_dinov2.lvd142m", "DINOv2, small", _LVD, 22.1, 518),
    CatalogEntry("vit_base_patch14_dinov2.lvd142m", "DINOv2", _LVD, 86.6, 518),
    CatalogEntry("vit_base_patch14_reg4_dinov2.lvd142m", "DINOv2, 4 registers", _LVD, 86.6, 518),
    CatalogEntry("vit_large_patch14_dinov2.lvd142m", "DINOv2, large", _LVD, 304.4, 518),
    CatalogEntry(
        "vit_base_patch16_clip_quickgelu_224.openai", "CLIP", _WIT, 85.8, 224, note=_QUICK
    ),
    CatalogEntry(
        "vit_large_patch14_clip_quickgelu_224.openai", "CLIP, large", _WIT, 303.2, 224, note=_QUICK
    ),
    CatalogEntry(
        "vit_base_patch16_clip_224.laion2b", "OpenCLIP", "LAION-2B image-text pairs", 85.8, 224
    ),
)


def list_backbones() -> list[CatalogEntry]:
    """Return the catalog, with `place` telling which weights are on this machine. No network."""
    return [
        replace(entry, place="cached") if entry.place == "hub" and _is_cached(entry.name) else entry
        for entry in _CATALOG
    ]


def canonical_name(name: str) -> str | None:
    """Return timm's full name, ARCHITECTURE.TAG; None if timm has no such architecture.

    An untagged name gets timm's default tag (if the architecture has any weights), a name that timm
    has renamed its present one. An unknown tag is left as it is.
    """
    name = get_deprecated_models().get(name) or name
    if not timm.is_model(name):
        return None
    if "." in name:
        return name
    config = get_pretrained_cfg(name)
    full = f"{name}.{config.tag}" if config else name
    return full if is_model_pretrained(full) else name


def warn_if_leaky(name: str) -> str | None:
    """Return a warning if the backbone learned from ImageNet-1k's labels, else None.

    On ImageNet-LT, and on test sets with ImageNet's classes, such a backbone has already seen the
    many images of the rare classes. One that was fine-tuned on ImageNet-1k after ImageNet-21k is
    moreover not the paper's, though often called so.
    """
    full = canonical_name(name.removeprefix("hf-hub:timm/"))
    architecture, _, tag = (full or "").partition(".")
    if not tag.endswith("in1k"):
        return None
    warning = (
        f"{full} was trained with ImageNet-1k's labels: results on ImageNet-LT or its shifted test "
        "sets would leak."
    )
    clean = f"{architecture}.augreg_in21k"
    if "in21k_ft_in1k" in tag and is_model_pretrained(clean):
        warning += f" The paper's backbone is {clean}."
    return warning


def _is_cached(name: str) -> bool:
    config = get_pretrained_cfg(name)
    return bool(
        config
        and config.hf_hub_id
        and isinstance(try_to_load_from_cache(config.hf_hub_id, HUB_WEIGHTS), str)
    )
