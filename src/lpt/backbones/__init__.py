"""Frozen Vision Transformers: find, check and load them, and run them with prompts."""

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
