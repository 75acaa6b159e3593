"""Where the text tower of a backbone is: beside its weights, or in a repository of OpenCLIP.

Both towers of a model are in a folder or a repository with open_clip_config.json and
open_clip_model.safetensors. Only safetensors are read.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lpt.backbones.catalog import canonical_name
from lpt.backbones.layouts.open_clip_config import OPEN_CLIP_CONFIG, OPEN_CLIP_WEIGHTS
from lpt.backbones.names import Kind, kind_of_name
from lpt.backbones.places.hub import from_hub
from lpt.errors import BackboneError

__all__ = ["REPOSITORIES", "TextSource", "find_text"]

_HUB = "hf-hub:"

REPOSITORIES: Mapping[str, str] = {
    "vit_base_patch16_clip_quickgelu_224.openai": "timm/vit_base_patch16_clip_224.openai",
    "vit_large_patch14_clip_quickgelu_224.openai": "timm/vit_large_patch14_clip_224.openai",
    "vit_base_patch16_clip_224.laion2b": "laion/CLIP-ViT-B-16-laion2B-s34B-b88K",
    "eva02_base_patch16_clip_224.merged2b": "timm/eva02_base_patch16_clip_224.merged2b_s8b_b131k",
    "vit_base_patch16_siglip_224.v2_webli": "timm/ViT-B-16-SigLIP2",
    "vit_pe_core_base_patch16_224.fb": "timm/PE-Core-B-16",
}
"""Repositories with both towers, by timm's name of the image tower, as OpenCLIP 3.3 lists them."""


@dataclass(frozen=True)
class TextSource:
    """The files of a text tower.

    Attributes:
        name: folder or repository, for messages.
        file: fetches a file by its name if needed, and returns its path.
        tokenizer: folder that holds a tokeniser of Hugging Face; None if its name is in the
            configuration.
    """

    name: str
    file: Callable[[str], Path]
    tokenizer: Path | None = None

    @property
    def config(self) -> Path:
        """Path of open_clip_config.json. Raises: BackboneError if it cannot be had."""
        return self.file(OPEN_CLIP_CONFIG)

    @property
    def weights(self) -> Path:
        """Path of the weights of both towers. Raises: BackboneError if they cannot be had."""
        return self.file(OPEN_CLIP_WEIGHTS)


def find_text(backbone: str, given: str | None = None) -> TextSource:
    """Find the text tower of a backbone. Fetches nothing.

    Args:
        backbone: name of the backbone.
        given: a folder, or hf-hub:ORG/REPO; None for the place that the backbone has.
    Raises: BackboneError if no text tower is known, or the folder has none.

    >>> find_text("vit_base_patch16_siglip_224.v2_webli").name
    'hf-hub:timm/ViT-B-16-SigLIP2'
    """
    place = given or backbone
    if place.startswith(_HUB):
        return _repository(place.removeprefix(_HUB))
    folder = Path(place).expanduser()
    if given is not None or kind_of_name(place) is Kind.FOLDER:
        if not (folder / OPEN_CLIP_CONFIG).is_file():
            raise BackboneError(f"{place}: has no {OPEN_CLIP_CONFIG}, so it has no text tower.")
        return TextSource(str(folder), folder.joinpath, folder.absolute())
    full = canonical_name(place) or place
    if full in REPOSITORIES:
        return _repository(REPOSITORIES[full])
    raise BackboneError(
        f"{backbone}: no text tower of this backbone is known.",
        "Choose a CLIP or SigLIP of `lpt backbones`, or set text.source to the folder or "
        "hf-hub:ORG/REPO with its open_clip_config.json.",
    )


def _repository(name: str) -> TextSource:
    full = _HUB + name
    return TextSource(full, lambda file: from_hub(full, name, file))
