"""Frozen Vision Transformers: find, check and load them, and run them with prompts.

Names are loaded on first use, so that the preprocessing of a task can be read without torch.
"""

from typing import TYPE_CHECKING, Any

from lpt.lazy import find_name

if TYPE_CHECKING:
    from lpt.backbones.catalog import (
        BACKBONES,
        CatalogEntry,
        register_backbone,
        warn_if_leaky,
    )
    from lpt.backbones.load import load_backbone
    from lpt.backbones.places.backbone_list import list_backbones
    from lpt.backbones.spec import BackboneSpec, hash_weights
    from lpt.backbones.vit import FrozenViT, PromptKV

__all__ = [
    "BACKBONES",
    "BackboneSpec",
    "CatalogEntry",
    "FrozenViT",
    "PromptKV",
    "hash_weights",
    "list_backbones",
    "load_backbone",
    "register_backbone",
    "warn_if_leaky",
]

_HOMES = {
    "BACKBONES": "lpt.backbones.catalog",
    "BackboneSpec": "lpt.backbones.spec",
    "CatalogEntry": "lpt.backbones.catalog",
    "FrozenViT": "lpt.backbones.vit",
    "PromptKV": "lpt.backbones.vit",
    "hash_weights": "lpt.backbones.spec",
    "list_backbones": "lpt.backbones.places.backbone_list",
    "load_backbone": "lpt.backbones.load",
    "register_backbone": "lpt.backbones.catalog",
    "warn_if_leaky": "lpt.backbones.catalog",
}


def __getattr__(name: str) -> Any:
    return find_name(__name__, _HOMES, name)
