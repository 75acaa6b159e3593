"""The built-in rows of the table of backbones, and which of them suit a job."""

from collections.abc import Mapping
from dataclasses import replace

from lpt.backbones.places.catalog_entry import CatalogEntry

__all__ = ["CATALOG", "EMBEDDED", "JOBS"]

EMBEDDED = CatalogEntry(
    name="vit_tiny_patch8_64",
    role="default without a download",
    data="Tiny ImageNet, 100 classes, labels; distilled from a ViT-S",
    parameters=5.4,
    image_size=64,
    place="bundled",
    note="small, trained on 50,000 images: choose another for real work",
    sha256="9c239cd2787b331966487fb3a05dc83d843001e4a2ecf17c3c8f364b0a5b99b3",
)

_PAPER = "the paper's backbone"
_IN21K = "ImageNet-21k, labels"
_IN1K = "ImageNet-1k, labels"
_IN1K_IMAGES = "ImageNet-1k, no labels"
_LVD = "LVD-142M, no labels"
_WIT = "400 M image-text pairs"
_LVD3 = "LVD-1689M, no labels; distilled from a ViT-7B"
_GATE = "Meta's own repositories ask for your name and consent before a download"
_QUICK = "OpenAI's CLIP needs the quickgelu architecture"

_ROWS = (
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
        note="its authors' weights, re-saved as safetensors; DINO's preprocessing",
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
    CatalogEntry(
        "vit_small_patch16_dinov3.lvd1689m", "DINOv3, small", _LVD3, 21.6, 256, note=_GATE
    ),
    CatalogEntry("vit_base_patch16_dinov3.lvd1689m", "DINOv3", _LVD3, 85.6, 256, note=_GATE),
    CatalogEntry(
        "vit_large_patch16_dinov3.lvd1689m", "DINOv3, large", _LVD3, 303.1, 256, note=_GATE
    ),
    CatalogEntry(
        "eva02_base_patch14_224.mim_in22k",
        "EVA-02",
        "ImageNet-21k, no labels; EVA-CLIP as teacher",
        85.8,
        224,
        note="the mean of its patches is the feature",
    ),
    CatalogEntry(
        "eva02_base_patch16_clip_224.merged2b", "EVA-02 CLIP", "2,000 M image-text pairs", 85.9, 224
    ),
    CatalogEntry(
        "vit_base_patch16_siglip_224.v2_webli",
        "SigLIP 2",
        "WebLI image-text pairs",
        92.9,
        224,
        note="its attention pool makes the feature",
    ),
    CatalogEntry(
        "vit_pe_core_base_patch16_224.fb",
        "PE-Core",
        "5,400 M image-text pairs and videos",
        93.0,
        224,
        note="its attention pool makes the feature",
    ),
    CatalogEntry(
        "beitv2_base_patch16_224.in1k_ft_in22k",
        "BEiT v2",
        f"{_IN1K_IMAGES}; then {_IN21K}",
        85.8,
        224,
        note="the mean of its patches is the feature",
    ),
)


_LICENCES = {
    "vit_small_patch16_dinov3.lvd1689m": "DINOv3 License",
    "vit_base_patch16_dinov3.lvd1689m": "DINOv3 License",
    "vit_large_patch16_dinov3.lvd1689m": "DINOv3 License",
    "vit_base_patch16_224.mae": "CC-BY-NC-4.0",
    "eva02_base_patch14_224.mim_in22k": "MIT",
    "eva02_base_patch16_clip_224.merged2b": "MIT",
}
"""As timm states them; the others of timm are under Apache-2.0."""

CATALOG = tuple(
    replace(row, licence=_LICENCES.get(row.name, "Apache-2.0")) if row.place == "hub" else row
    for row in _ROWS
)

JOBS: Mapping[str, tuple[str, ...]] = {
    "few images of most classes": (
        "vit_base_patch16_dinov3.lvd1689m",
        "vit_base_patch14_dinov2.lvd142m",
        "vit_base_patch16_siglip_224.v2_webli",
    ),
    "classes that differ in details": (
        "vit_large_patch16_dinov3.lvd1689m",
        "vit_large_patch14_dinov2.lvd142m",
    ),
    "images unlike photos of the web": (
        "vit_base_patch16_dinov3.lvd1689m",
        "vit_base_patch14_reg4_dinov2.lvd142m",
    ),
    "no GPU": ("vit_small_patch16_dinov3.lvd1689m", "vit_small_patch16_224.augreg_in21k"),
    "the paper's numbers": ("vit_base_patch16_224.augreg_in21k",),
}
"""By job, the first choice first; from published results (docs/backbones.md)."""
