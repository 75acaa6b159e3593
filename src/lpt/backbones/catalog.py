"""Recommended backbones as a table, registered ones, and what timm's names mean.

Any other timm ViT with a class token works as well; the table is advice, not a limit.
"""

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import timm
from timm.models import get_deprecated_models, get_pretrained_cfg, is_model_pretrained
from torch import nn

from lpt.errors import BackboneError, ConfigError
from lpt.registry import Registry, check_name

__all__ = [
    "BACKBONES",
    "EMBEDDED",
    "HUB_WEIGHTS",
    "CatalogEntry",
    "canonical_name",
    "register_backbone",
    "unknown_backbone",
    "warn_if_leaky",
]

HUB_WEIGHTS = "model.safetensors"
"""The weights file of a hub repository or folder; the only one that is ever opened."""

Place = Literal["bundled", "cached", "hub", "file", "registered", "local"]


@dataclass(frozen=True)
class CatalogEntry:
    """A row of the catalog.

    Attributes:
        name: the name that `load_backbone` takes.
        role: its use in the paper or in the field.
        data: pretraining data, and whether its labels were used.
        parameters: millions, without a head; None if unknown.
        image_size: native input side in pixels; None if unknown.
        place: "bundled" with this package, "cached" on this machine, on the "hub", a "file" that
            the user brings, "registered" by `register_backbone`, or "local" in the user's folder.
        note: a caveat.
        sha256: `hash_weights` where this project vouches for the weights, else "".
        source: of a registered backbone: another name, or a function that builds it.
    """

    name: str
    role: str
    data: str
    parameters: float | None
    image_size: int | None
    place: Place = "hub"
    note: str = ""
    sha256: str = ""
    source: str | Callable[[], nn.Module] | None = None


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
)


BACKBONES: Registry[CatalogEntry] = Registry("backbone", {e.name: e for e in _CATALOG})
"""The catalog by name, and registered backbones."""


def register_backbone(
    name: str,
    source: str | Path | Callable[[], nn.Module],
    *,
    role: str = "",
    data: str = "",
    note: str = "",
    parameters: float | None = None,
    image_size: int | None = None,
    replace: bool = False,
) -> None:
    """Give a backbone a name, which `load_backbone` and the settings then accept.

    A task file stores this name and the hash of the weights, so the name must be registered (by a
    plugin, for example) wherever the task is loaded.

    Args:
        name: not a name of timm, and without blanks and any of / : = , @
        source: any name that `load_backbone` takes, such as a file, a folder or `hf-hub:ORG/REPO`;
            or a function that returns a timm `VisionTransformer` with its weights loaded. Its head
            is dropped.
        role, data, note, parameters, image_size: for the table of `lpt backbones`; see
            `CatalogEntry`.
        replace: whether a registered backbone of that name may be replaced.
    Raises: ConfigError if the name is taken or not allowed.

    >>> register_backbone("our-vit", "hf-hub:our-group/our-vit", data="our photos")
    >>> BACKBONES["our-vit"].place
    'registered'
    >>> BACKBONES.unregister("our-vit")
    """
    check_name("backbone", name)
    if "@" in name or canonical_name(name) is not None:
        raise ConfigError(
            f"backbone '{name}': timm uses this name, or it has an @. Choose another."
        )
    if isinstance(source, (str, Path)):
        path = Path(source).expanduser()
        source = str(path.absolute() if path.exists() else source)
    entry = CatalogEntry(
        name, role, data, parameters, image_size, place="registered", note=note, source=source
    )
    BACKBONES.register(name, entry, replace=replace)


def canonical_name(name: str) -> str | None:
    """Return timm's full name, ARCHITECTURE.TAG; None if timm has no such architecture.

    An untagged name gets timm's default tag, if the architecture has any weights. A name that timm
    has replaced becomes the new one. An unknown tag is left unchanged.
    """
    name = get_deprecated_models().get(name) or name
    if not timm.is_model(name):
        return None
    if "." in name:
        return name
    config = get_pretrained_cfg(name)
    full = f"{name}.{config.tag}" if config else name
    return full if is_model_pretrained(full) else name


def unknown_backbone(name: str) -> BackboneError:
    """Return the error for a name that is unknown, with close matches."""
    architecture, _, tag = name.partition(".")
    if tag and timm.is_model(architecture):
        tags = timm.list_pretrained(f"{architecture}.*")
        return BackboneError(f"{name}: no such weights. timm has {', '.join(tags) or 'none'}.")
    known = [EMBEDDED.name]
    for module in ("vision_transformer", "deit"):  # the families that take prompts
        for pretrained in (False, True):
            known += timm.list_models(module=module, pretrained=pretrained)
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"Did you mean {', '.join(close)}?" if close else "`lpt backbones` lists the known ones."
    return BackboneError(f"{name}: no such backbone, file or folder. {hint}")


def warn_if_leaky(name: str) -> str | None:
    """Return a warning if the backbone was trained with ImageNet-1k's labels, else None.

    On ImageNet-LT, and on test sets with ImageNet's classes, such a backbone has already seen many
    images of the rare classes. One that was fine-tuned on ImageNet-1k after ImageNet-21k is often
    called the paper's backbone, but is not.
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
