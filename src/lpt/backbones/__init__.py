"""Frozen Vision Transformers: finding, checking, loading and running them with prompts."""

from lpt.backbones.catalog import CatalogEntry, list_backbones, warn_if_leaky
from lpt.backbones.load import load_backbone
from lpt.backbones.spec import BackboneSpec, hash_weights
from lpt.backbones.vit import FrozenViT, PromptKV

__all__ = [
    "BackboneSpec",
    "CatalogEntry",
    "FrozenViT",
    "PromptKV",
    "hash_weights",
    "list_backbones",
    "load_backbone",
    "warn_if_leaky",
]
