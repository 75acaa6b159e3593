"""Recommended backbones as a table, registered ones, and what timm's names mean.

Any other ViT of timm in `lpt.backbones.towers` works as well; the table is advice, not a limit.
"""

import difflib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from lpt.backbones.places.catalog_entry import CatalogEntry
from lpt.backbones.places.known_backbones import CATALOG, EMBEDDED
from lpt.errors import BackboneError, ConfigError
from lpt.registry import Registry, check_name

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "BACKBONES",
    "CONFIG",
    "EMBEDDED",
    "HUB_WEIGHTS",
    "CatalogEntry",
    "canonical_name",
    "register_backbone",
    "unknown_backbone",
    "warn_if_leaky",
]

CONFIG = "config.json"
"""The description beside it."""

HUB_WEIGHTS = "model.safetensors"
"""The weights file of a hub repository or folder; the only one that is ever opened."""

BACKBONES: Registry[CatalogEntry] = Registry("backbone", {e.name: e for e in CATALOG})
"""The catalog by name, and registered backbones."""


def register_backbone(
    name: str,
    source: "str | Path | Callable[[], nn.Module]",
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
            or a function that returns a supported timm model with its weights loaded. Its head
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
    import timm  # loads torch and takes seconds, so only when a name is looked up
    from timm.models import get_deprecated_models, get_pretrained_cfg, is_model_pretrained

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
    import timm

    architecture, _, tag = name.partition(".")
    if tag and timm.is_model(architecture):
        tags = timm.list_pretrained(f"{architecture}.*")
        return BackboneError(f"{name}: no such weights. timm has {', '.join(tags) or 'none'}.")
    known = [EMBEDDED.name]
    for module in ("vision_transformer", "deit", "eva", "beit"):  # that take prompts
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
    from timm.models import is_model_pretrained

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
