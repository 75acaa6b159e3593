"""Every backbone that has a name, and where it is."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from huggingface_hub import try_to_load_from_cache
from timm.models import get_pretrained_cfg

from lpt.backbones.catalog import BACKBONES, HUB_WEIGHTS, CatalogEntry, canonical_name
from lpt.backbones.config_json import CONFIG, read_description
from lpt.backbones.places.local_folder import local_backbones
from lpt.backbones.weight_file import read_outline
from lpt.errors import BackboneError

__all__ = ["list_backbones"]


def list_backbones() -> list[CatalogEntry]:
    """Return the catalog, registered backbones and local ones, in this order, without the network.

    `place` shows which weights are on this machine. Local ones are described as far as their files
    can be read; `note` says what is wrong with a file, or that the name means something else.
    """
    named = [
        replace(entry, place="cached") if entry.place == "hub" and _is_cached(entry.name) else entry
        for entry in BACKBONES.values()
    ]
    return [*named, *_local()]


def _local() -> Iterator[CatalogEntry]:
    for name, folder in local_backbones().items():
        entry = CatalogEntry(name, "local", str(folder), None, None, place="local")
        try:
            parameters, size = _measured(folder)
            entry = replace(entry, parameters=parameters, image_size=size)
        except BackboneError as error:
            entry = replace(entry, note=str(error))
        if name in BACKBONES or canonical_name(name) is not None:
            entry = replace(entry, note="the name is taken: load it by its path")
        yield entry


def _measured(folder: Path) -> tuple[float, int | None]:
    """Millions of numbers in the weights file, and the side of the input if it is stated."""
    described = read_description(folder / CONFIG)
    numbers = read_outline(folder / HUB_WEIGHTS).numbers
    side = described.model_arguments.get("img_size")
    if side is None and described.architecture:
        config = get_pretrained_cfg(described.architecture)
        side = config.input_size[-1] if config else None
    if isinstance(side, (list, tuple)):
        side = side[0]
    return numbers / 1e6, side


def _is_cached(name: str) -> bool:
    config = get_pretrained_cfg(name)
    return bool(
        config
        and config.hf_hub_id
        and isinstance(try_to_load_from_cache(config.hf_hub_id, HUB_WEIGHTS), str)
    )
