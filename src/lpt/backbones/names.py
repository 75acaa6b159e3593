"""From the name of a backbone to its architecture and its weights file.

vit_tiny_patch8_64            bundled with this package
NAME, NAME.TAG                timm's registry; weights from the hub or its cache
hf-hub:ORG/REPO[@REVISION]    a hub repository in timm's layout
FOLDER                        the same layout on disk: config.json, model.safetensors; or that of
                              OpenCLIP: open_clip_config.json, open_clip_model.safetensors
FILE.safetensors              architecture from its metadata or the shapes of its tensors
NAME[.TAG]@FILE.safetensors   architecture and preprocessing of NAME, weights of FILE
random:ANY_OF_THESE           that architecture with random weights, the same every time
LOCAL                         a folder of that name in the user's folder of backbones
and names that `register_backbone` has added.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from importlib import resources
from pathlib import Path
from typing import Any

from torch import nn

from lpt.backbones.catalog import BACKBONES, EMBEDDED, HUB_WEIGHTS, canonical_name, unknown_backbone
from lpt.backbones.config_json import CONFIG, read_description
from lpt.backbones.layouts.open_clip_config import OPEN_CLIP_CONFIG, OPEN_CLIP_WEIGHTS
from lpt.backbones.places.hub import from_hub
from lpt.backbones.places.local_folder import find_local
from lpt.backbones.weight_file import PICKLE_SUFFIXES, Checkpoint, read_metadata
from lpt.errors import BackboneError

__all__ = ["Kind", "Source", "find_source", "kind_of_name"]

_LONGEST = 4096
"""Characters of a name, which may be a path."""


class Kind(Enum):
    """What the form of a name means; the module's docstring lists the forms."""

    BUNDLED = auto()
    TIMM = auto()
    HUB = auto()
    FOLDER = auto()
    FILE = auto()
    NAMED_FILE = auto()
    RANDOM = auto()
    REGISTERED = auto()
    LOCAL = auto()
    UNKNOWN = auto()


@dataclass(frozen=True)
class Source:
    """The origin of a backbone.

    Attributes:
        name: name by which `load_backbone` finds it again from any folder; local paths are
            absolute.
        file: fetches the weights file if needed and returns its path.
        architecture: timm's name, with the tag whose preprocessing applies; None: read it off the
            file.
        model_arguments: arguments of the architecture, which override timm's.
        preprocessing: mean, std and interpolation, where the source states them.
        metadata: facts about the weights that the file does not state.
        random: whether weights stay random instead of being loaded.
        build: makes the model with its weights; None for all but registered functions.
    """

    name: str
    file: Callable[[], Path]
    architecture: str | None = None
    model_arguments: Mapping[str, Any] = field(default_factory=dict)
    preprocessing: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    random: bool = False
    build: Callable[[], nn.Module] | None = None

    def described(self, checkpoint: Checkpoint) -> Checkpoint:
        """Return a checkpoint with the metadata of this source, which takes precedence."""
        return checkpoint._replace(metadata={**checkpoint.metadata, **self.metadata})


def kind_of_name(name: str) -> Kind:
    """Return what a name means, without opening or fetching anything."""
    if name.startswith("random:"):
        return Kind.RANDOM
    if name.startswith("hf-hub:"):
        return Kind.HUB
    if name == EMBEDDED.name:
        return Kind.BUNDLED
    if not name or len(name) > _LONGEST or "\0" in name:
        return Kind.UNKNOWN
    try:
        path = Path(name).expanduser()
        architecture, at, _ = name.partition("@")
        if at and Path(architecture).name == architecture and not path.exists():
            return Kind.NAMED_FILE
        if path.is_file() or path.suffix.lower() in {".safetensors", *PICKLE_SUFFIXES}:
            return Kind.FILE
        if canonical_name(name) is not None:
            return Kind.TIMM
        if name in BACKBONES:
            return Kind.REGISTERED
        if find_local(name) is not None:
            return Kind.LOCAL
        return Kind.FOLDER if path.is_dir() else Kind.UNKNOWN
    except (OSError, RuntimeError):  # a path too long, or the home of an unknown user
        return Kind.UNKNOWN


def find_source(name: str) -> Source:
    """Resolve a backbone's name; the module's docstring lists the forms. Fetches no weights.

    Raises: BackboneError for an unknown name, with close matches, and for files that are not
        safetensors.
    """
    try:
        name.encode()
    except UnicodeEncodeError as error:  # task files and settings hold the name as UTF-8
        raise BackboneError(f"{name}: this path is not UTF-8. Rename the file.") from error
    match kind_of_name(name):
        case Kind.RANDOM:
            return _random(name)
        case Kind.HUB:
            return _hub_repository(name)
        case Kind.BUNDLED:
            return Source(name, _embedded_file)
        case Kind.NAMED_FILE:
            architecture, _, file = name.partition("@")
            return _named_file(architecture, Path(file).expanduser().absolute())
        case Kind.FILE:
            return _file(Path(name).expanduser().absolute())
        case Kind.TIMM:
            return _timm_model(canonical_name(name) or name)
        case Kind.REGISTERED:
            return _registered(name)
        case Kind.LOCAL:
            local = find_local(name)
            assert local is not None
            return replace(_folder(local), name=name)
        case Kind.FOLDER:
            return _folder(Path(name).expanduser().absolute())
        case Kind.UNKNOWN:
            raise unknown_backbone(name)


def _random(name: str) -> Source:
    shape = name.removeprefix("random:")
    if shape.startswith("random:"):
        raise unknown_backbone(name)
    drawn = find_source(shape)
    if drawn.build is not None:
        raise BackboneError(
            f"{name}: {shape} is built by a registered function, weights included. "
            f"Load it as {shape}."
        )
    own = shape if canonical_name(shape) else drawn.name  # without the tag, which names weights
    return replace(drawn, name=f"random:{own}", random=True)


def _registered(name: str) -> Source:
    source = BACKBONES[name].source
    assert source is not None  # every built-in name is timm's, or was recognised before
    if isinstance(source, str):
        return replace(find_source(source), name=name)

    def no_file() -> Path:
        raise BackboneError(f"{name}: is built by a registered function and has no weights file.")

    return Source(name, no_file, build=source)


def _embedded_file() -> Path:
    return Path(str(resources.files("lpt.backbones") / "embedded" / f"{EMBEDDED.name}.safetensors"))


def _timm_model(name: str) -> Source:
    from timm.models import get_pretrained_cfg  # imports all of timm's models

    try:
        config = get_pretrained_cfg(name)
    except RuntimeError as error:
        raise unknown_backbone(name) from error

    def fetch() -> Path:
        if config is None or not config.hf_hub_id:
            raise BackboneError(
                f"{name}: timm offers no safetensors weights for it.",
                f"Give a file ({name}@FILE.safetensors) or choose one of `lpt backbones`.",
            )
        return from_hub(name, config.hf_hub_id, HUB_WEIGHTS)

    return Source(name, fetch, architecture=name)


def _hub_repository(name: str) -> Source:
    repository = name.removeprefix("hf-hub:")
    config = from_hub(name, repository, CONFIG)
    return _configured(name, config, lambda: from_hub(name, repository, HUB_WEIGHTS))


def _folder(folder: Path) -> Source:
    config = folder / CONFIG
    if config.is_file():
        return _configured(str(folder), config, lambda: folder / HUB_WEIGHTS)
    both = folder / OPEN_CLIP_CONFIG
    if both.is_file():
        return _configured(str(folder), both, lambda: folder / OPEN_CLIP_WEIGHTS)
    raise BackboneError(f"{folder}: has no {CONFIG}, so it is not a backbone folder.")


def _file(path: Path) -> Source:
    architecture = canonical_name(read_metadata(path).get("architecture", ""))
    source = Source(str(path), lambda: path, architecture=architecture)
    config = path.parent / CONFIG
    if architecture is not None or path.name != HUB_WEIGHTS or not config.is_file():
        return source
    try:
        found = read_description(config)
    except BackboneError:  # a file of another program
        return source
    if found.architecture is not None:
        return source
    return replace(source, preprocessing=found.preprocessing, metadata=found.metadata)


def _named_file(architecture: str, path: Path) -> Source:
    full = canonical_name(architecture)
    if full is None:
        raise unknown_backbone(architecture)
    read_metadata(path)
    return replace(_timm_model(full), name=f"{architecture}@{path}", file=lambda: path)


def _configured(name: str, config: Path, file: Callable[[], Path]) -> Source:
    found = read_description(config)
    return Source(
        name,
        file,
        architecture=found.architecture,
        model_arguments=found.model_arguments,
        preprocessing=found.preprocessing,
        metadata=found.metadata,
    )
