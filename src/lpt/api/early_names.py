"""Names and paths of a training, checked before torch and timm are imported."""

import difflib
import os
import re
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

from lpt.backbones.places.local_folder import find_local
from lpt.data.check.policy import POLICIES
from lpt.data.sources.data_string import path_exists
from lpt.errors import BackboneError, ParameterError
from lpt.registry import GROUP

__all__ = ["check_backbone_name", "check_bad_images", "check_listed"]

_FAMILIES = ("vision_transformer.py", "deit.py")
"""Modules of timm with the models that take prompts."""

_WANTED = {
    "corrections": "Give the list that `lpt review` writes.",
    "unlabelled": "Give a folder of photos.",
    "class_names": "Give a CSV file with the columns class and name.",
}
_ENTRY_POINT = re.compile(r"^def ((?:vit|deit|deit3|flexivit)_\w+)\(", re.MULTILINE)


def check_backbone_name(name: str) -> None:
    """Refuse a backbone whose name cannot mean anything; everything else is left to the loader.

    A name that is no path and that nothing registers is one of timm's, and these stand in its
    source.

    Raises: BackboneError with close matches.
    """
    own = name.removeprefix("random:").partition("@")[0]
    if ":" in own or os.sep in own or path_exists(name) or path_exists(own) or _may_be_added(own):
        return
    architecture = own.partition(".")[0]
    sources = _sources()
    if not architecture or not sources:
        return
    word = re.compile(rf"\b{re.escape(architecture)}\b")
    if own == _bundled() or any(word.search(text) for text in sources.values()):
        return
    known = [_bundled()]
    known += (n for f in _FAMILIES for n in _ENTRY_POINT.findall(sources.get(f, "")))
    close = difflib.get_close_matches(own, known, n=3, cutoff=0.5)
    hint = f"Did you mean {', '.join(close)}?" if close else "`lpt backbones` lists the known ones."
    raise BackboneError(f"{name}: no such backbone, file or folder. {hint}")


def check_bad_images(given: str | None) -> None:
    """Check that bad images have a known policy, or an existing list. Raises: ParameterError."""
    if given is not None and given not in POLICIES and not path_exists(given):
        raise ParameterError(
            f"`bad_images` {given}: no such file. Give {', '.join(POLICIES)} or a quarantine list, "
            "which lpt data check DATA --quarantine LIST writes."
        )


def check_listed(parameter: str, given: str | None) -> None:
    """Check that a list of corrections, or a folder of photos, exists. Raises: ParameterError."""
    if given is not None and not path_exists(given):
        raise ParameterError(f"`{parameter}` {given}: no such file. {_WANTED[parameter]}")


def _may_be_added(name: str) -> bool:
    """Whether a plugin or the user's folder of backbones could know the name."""
    return bool(entry_points(group=GROUP)) or find_local(name) is not None


@cache
def _sources() -> dict[str, str]:
    """Source files of timm's models by name; empty if they cannot be read."""
    found = find_spec("timm")
    folders = found.submodule_search_locations if found is not None else None
    files = [file for folder in folders or () for file in Path(folder, "models").glob("*.py")]
    return {file.name: file.read_text(encoding="utf-8", errors="replace") for file in files}


@cache
def _bundled() -> str:
    """The bundled backbone: the only weights file of the package."""
    found = find_spec("lpt")
    folders = (found.submodule_search_locations if found is not None else None) or ()
    names = [
        f.stem for d in folders for f in Path(d, "backbones", "embedded").glob("*.safetensors")
    ]
    return names[0] if names else ""
