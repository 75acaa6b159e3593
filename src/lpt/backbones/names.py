"""From the name of a backbone to its architecture and its weights file.

vit_tiny_patch8_64            bundled with this package
NAME, NAME.TAG                timm's registry; weights from the hub or its cache
hf-hub:ORG/REPO[@REVISION]    a hub repository in timm's layout
FOLDER                        the same layout on disk: config.json, model.safetensors
FILE.safetensors              architecture from its metadata or the shapes of its tensors
NAME[.TAG]@FILE.safetensors   architecture and preprocessing of NAME, weights of FILE
random:ANY_OF_THESE           that architecture with random weights, the same every time
and names that `register_backbone` has added.
"""

import difflib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

import timm
from huggingface_hub import hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from timm.models import get_pretrained_cfg
from torch import nn

from lpt.backbones.catalog import BACKBONES, EMBEDDED, HUB_WEIGHTS, canonical_name
from lpt.backbones.weight_file import PICKLE_SUFFIXES, RESAVE, read_metadata
from lpt.errors import BackboneError

__all__ = ["Source", "find_source"]

_CONFIG = "config.json"
_MODEL_ARGUMENTS = frozenset({
    "img_size", "patch_size", "embed_dim", "depth", "num_heads", "mlp_ratio", "init_values",
    "qkv_bias", "qk_norm", "proj_bias", "pre_norm", "final_norm", "fc_norm", "global_pool",
    "class_token", "no_embed_class", "reg_tokens", "dynamic_img_size",
})  # fmt: skip
_LARGEST = 8192
"""Upper bound of every argument; a larger one would only exhaust memory."""
_IGNORED_ARGUMENTS = frozenset({"num_classes", "in_chans", "drop_rate", "drop_path_rate"})


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
        random: whether weights stay random instead of being loaded.
        build: makes the model with its weights; None for all but registered functions.
    """

    name: str
    file: Callable[[], Path]
    architecture: str | None = None
    model_arguments: Mapping[str, Any] = field(default_factory=dict)
    preprocessing: Mapping[str, Any] = field(default_factory=dict)
    random: bool = False
    build: Callable[[], nn.Module] | None = None


def find_source(name: str) -> Source:
    """Resolve a backbone's name; the module's docstring lists the forms. Fetches no weights.

    Raises: BackboneError for an unknown name, with close matches, and for files that are not
        safetensors.
    """
    if name.startswith("random:"):
        shape = name.removeprefix("random:")
        drawn = find_source(shape)
        if drawn.build is not None:
            raise BackboneError(
                f"{name}: {shape} is built by a registered function, weights included. "
                f"Load it as {shape}."
            )
        own = shape if canonical_name(shape) else drawn.name  # without the tag, which names weights
        return replace(drawn, name=f"random:{own}", random=True)
    if name.startswith("hf-hub:"):
        return _hub_repository(name)
    if name == EMBEDDED.name:
        return Source(name, _embedded_file)
    path = Path(name).expanduser()
    architecture, at, file = name.partition("@")
    if at and Path(architecture).name == architecture and not path.exists():
        return _named_file(architecture, Path(file).expanduser().absolute())
    if path.is_file() or path.suffix.lower() in {".safetensors", *PICKLE_SUFFIXES}:
        return _file(path.absolute())
    full = canonical_name(name)
    if full is not None:
        return _timm_model(full)
    if name in BACKBONES:
        return _registered(name)
    if name and path.is_dir():
        return _folder(path.absolute())
    raise _unknown(name)


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
    try:
        config = get_pretrained_cfg(name)
    except RuntimeError as error:
        raise _unknown(name) from error

    def fetch() -> Path:
        if config is None or not config.hf_hub_id:
            raise BackboneError(
                f"{name}: timm offers no safetensors weights for it.",
                f"Give a file ({name}@FILE.safetensors) or choose one of `lpt backbones`.",
            )
        return _from_hub(name, config.hf_hub_id, HUB_WEIGHTS)

    return Source(name, fetch, architecture=name)


def _hub_repository(name: str) -> Source:
    repository = name.removeprefix("hf-hub:")
    source = _configured(name, _from_hub(name, repository, _CONFIG))
    return replace(source, file=lambda: _from_hub(name, repository, HUB_WEIGHTS))


def _folder(folder: Path) -> Source:
    config = folder / _CONFIG
    if not config.is_file():
        raise BackboneError(f"{folder}: has no {_CONFIG}, so it is not a backbone folder.")
    return replace(_configured(str(folder), config), file=lambda: folder / HUB_WEIGHTS)


def _file(path: Path) -> Source:
    architecture = read_metadata(path).get("architecture", "")
    return Source(str(path), lambda: path, architecture=canonical_name(architecture))


def _named_file(architecture: str, path: Path) -> Source:
    full = canonical_name(architecture)
    if full is None:
        raise _unknown(architecture)
    read_metadata(path)
    return replace(_timm_model(full), name=f"{architecture}@{path}", file=lambda: path)


def _configured(name: str, path: Path) -> Source:
    """Read timm's config.json; the caller adds the weights file."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        preprocessing = config.get("pretrained_cfg", config)
        architecture = canonical_name(str(config["architecture"]))
        arguments = dict(config.get("model_args") or {})
        stated = {
            k: preprocessing[k] for k in ("mean", "std", "interpolation") if preprocessing.get(k)
        }
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise BackboneError(
            f"{path}: not a timm config.json ({type(error).__name__}: {error}). "
            "It must name the `architecture` and may give `pretrained_cfg`."
        ) from error
    if architecture is None:
        raise _unknown(str(config["architecture"]))
    arguments = {k: v for k, v in arguments.items() if k not in _IGNORED_ARGUMENTS}
    for key, value in arguments.items():
        numbers = value if isinstance(value, list) else [value]
        large = any(isinstance(n, int | float) and not 0 <= n <= _LARGEST for n in numbers)
        if key not in _MODEL_ARGUMENTS or large:
            raise BackboneError(
                f"{path}: model_args {key} = {value!r} is not supported; remove or correct it."
            )
    return Source(
        name,
        lambda: path.parent / HUB_WEIGHTS,
        architecture=architecture,
        model_arguments=arguments,
        preprocessing=stated,
    )


def _from_hub(name: str, repository: str, file: str) -> Path:
    """Return a file of a hub repository, from the cache if it is there already."""
    repository, _, revision = repository.partition("@")
    try:
        cached = try_to_load_from_cache(repository, file, revision=revision or None)
        if isinstance(cached, str):
            return Path(cached)
        return Path(hf_hub_download(repository, file, revision=revision or None))
    except LocalEntryNotFoundError as error:
        raise _unreachable(name, file, error) from error
    except EntryNotFoundError as error:
        raise BackboneError(
            f"{name}: {repository} on the hub has no {file}; pickled weights are never read. "
            "Download them;",
            f"{RESAVE}; then give the file: TIMM_NAME@FILE.safetensors.",
        ) from error
    except (
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    ) as error:
        raise BackboneError(
            f"{name}: the hub has no repository {repository} that you may read.",
            "Check the name, or log in with the hub's own client.",
        ) from error
    except Exception as error:  # the hub's client does not wrap the errors of its transports
        raise _unreachable(name, file, error) from error


def _unreachable(name: str, file: str, error: Exception) -> BackboneError:
    cause = type(error.__cause__ or error).__name__
    return BackboneError(
        f"{name}: {file} is not on this machine and the hub cannot be reached ({cause}).",
        f"Connect once, or obtain the file elsewhere and name it: TIMM_NAME@FILE.safetensors; "
        f"{EMBEDDED.name} needs no download.",
    )


def _unknown(name: str) -> BackboneError:
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
