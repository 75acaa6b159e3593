"""Loading a frozen backbone by name."""

import json
import math
from collections.abc import Mapping
from typing import Any

import timm
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from lpt.backbones.catalog import EMBEDDED
from lpt.backbones.infer import infer_vit
from lpt.backbones.names import Source, find_source
from lpt.backbones.spec import BackboneSpec, hash_weights
from lpt.backbones.vit import FrozenViT
from lpt.backbones.weight_file import Checkpoint, fill, read_checkpoint
from lpt.errors import BackboneError
from lpt.random_streams import GENERATOR_LOCK

__all__ = ["load_backbone"]

_RANDOM_SEED = 0
_BUILD_ERRORS = (ArithmeticError, AssertionError, LookupError, RuntimeError, TypeError, ValueError)
"""What timm raises for arguments that make no model."""
_PREPROCESSING: Mapping[str, Any] = {"mean": 0.5, "std": 0.5, "interpolation": "bicubic"}
_INTERPOLATIONS = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")


def load_backbone(
    name: str, *, image_size: int | None = None, layer_norm_eps: float | None = None
) -> FrozenViT:
    """Load a Vision Transformer, frozen, in eval mode and float32, on the CPU.

    Names (see `lpt.backbones.names`): the embedded `vit_tiny_patch8_64`; a timm name with or
    without tag; `hf-hub:ORG/REPO`; a folder with config.json and model.safetensors; a .safetensors
    file, or `TIMM_NAME@FILE`; `random:NAME` for that architecture with random weights.

    Heads are dropped. A model that timm pools by averaging keeps its `fc_norm` as final norm of
    the class token. Preprocessing is timm's for the name, unless config.json or the metadata of
    the file (`mean`, `std`, `interpolation`) say otherwise; a file that says nothing and carries
    no timm name gets mean = std = 0.5, bicubic.

    Args:
        name: what to load.
        image_size: pixels along the side of the input; None: the size of the weights. At another
            size the position embedding is interpolated (bicubic, timm's). A multiple of the patch.
        layer_norm_eps: of every LayerNorm; None: the model's own (1e-6 in most timm ViTs, while
            the released LPT checkpoint was made with 1e-5).
    Returns: the backbone, with its `spec` set.
    Raises: BackboneError if the name is unknown, the hub out of reach, the architecture without a
        class token or otherwise unsupported, the file damaged, or a setting impossible.
    """
    source = find_source(name)
    checkpoint = None if source.architecture else read_checkpoint(source.file())
    with GENERATOR_LOCK, torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(_RANDOM_SEED)
        backbone = _freeze(source, _build(source, checkpoint))
    model: VisionTransformer = backbone.model
    if not source.random:
        checkpoint = checkpoint or read_checkpoint(source.file())
        fill(model, checkpoint)
    sha256 = hash_weights(model.state_dict())
    if source.name == EMBEDDED.name and sha256 != EMBEDDED.sha256:
        raise BackboneError(
            f"{name}: the embedded weights hash to {sha256[:12]}, not {EMBEDDED.sha256[:12]}: "
            "the installation is damaged. Install lpt again."
        )
    metadata = checkpoint.metadata if checkpoint else {}
    mean, std, interpolation = _preprocessing(source, model, metadata)
    _resize(source, model, image_size)
    backbone.spec = BackboneSpec(
        name=source.name,
        sha256=sha256,
        width=backbone.width,
        depth=backbone.depth,
        heads=backbone.heads,
        patch_size=_patch_size(model),
        image_size=model.patch_embed.img_size[0],
        num_patches=model.patch_embed.num_patches,
        mean=mean,
        std=std,
        interpolation=interpolation,
        layer_norm_eps=_layer_norm_eps(source, model, layer_norm_eps, metadata),
    )
    return backbone


def _build(source: Source, checkpoint: Checkpoint | None) -> nn.Module:
    """Make the untrained model, at the input size of its architecture."""
    model: nn.Module
    if checkpoint is not None:
        model = infer_vit(checkpoint)
        return model
    try:
        model = timm.create_model(
            source.architecture, pretrained=False, num_classes=0, **source.model_arguments
        )
    except _BUILD_ERRORS as error:
        raise BackboneError(
            f"{source.name}: timm cannot build {source.architecture} ({error}). "
            "Correct `model_args` in its config.json."
        ) from error
    return model


def _freeze(source: Source, model: nn.Module) -> FrozenViT:
    try:
        backbone = FrozenViT(model)
    except BackboneError as error:
        raise BackboneError(f"{source.name}: {error}") from None
    height, width = backbone.model.patch_embed.img_size
    if height != width:
        raise BackboneError(f"{source.name}: takes {height} x {width} images; square is needed.")
    return backbone


def _resize(source: Source, model: VisionTransformer, image_size: int | None) -> None:
    if image_size is None or image_size == model.patch_embed.img_size[0]:
        return
    patch = _patch_size(model)
    if image_size < patch or image_size % patch:
        lower = max(image_size // patch, 1) * patch
        raise BackboneError(
            f"image_size {image_size}: {source.name} needs a multiple of its patch size {patch}, "
            f"such as {lower} or {lower + patch}."
        )
    model.set_input_size((image_size, image_size))


def _patch_size(model: VisionTransformer) -> int:
    side: int = model.patch_embed.img_size[0] // model.patch_embed.grid_size[0]
    return side


def _layer_norm_eps(
    source: Source, model: nn.Module, wanted: float | None, metadata: Mapping[str, str]
) -> float:
    """Set eps where a value is wanted or stated by the file, and return what applies."""
    norms = [module for module in model.modules() if isinstance(module, nn.LayerNorm)]
    if wanted is None and "layer_norm_eps" in metadata:
        wanted = _number(source, "layer_norm_eps", metadata["layer_norm_eps"])
    if wanted is None:
        return float(norms[0].eps)
    if not 0 < wanted < 1:
        raise BackboneError(f"layer_norm_eps {wanted}: must lie between 0 and 1, such as 1e-6.")
    for norm in norms:
        norm.eps = wanted
    return wanted


_Colour = tuple[float, float, float]


def _preprocessing(
    source: Source, model: nn.Module, metadata: Mapping[str, str]
) -> tuple[_Colour, _Colour, str]:
    """Mean, std and interpolation: the file's, else the folder's, else timm's, else 0.5."""
    timms = getattr(model, "pretrained_cfg", {})
    stated = {**_PREPROCESSING}
    for fields in (timms, source.preprocessing, metadata):
        stated |= {key: fields[key] for key in _PREPROCESSING if fields.get(key) is not None}
    if stated["interpolation"] not in _INTERPOLATIONS:
        raise BackboneError(
            f"{source.name}: interpolation {stated['interpolation']!r} is none of "
            f"{', '.join(_INTERPOLATIONS)}."
        )
    mean, std = (_colour(source, key, stated[key]) for key in ("mean", "std"))
    if min(std) <= 0:
        raise BackboneError(f"{source.name}: std {std} must be above 0.")
    return mean, std, stated["interpolation"]


def _colour(source: Source, key: str, value: Any) -> _Colour:
    """Three numbers from a list, one number, or either as text ("0.5", "[0.48, 0.46, 0.41]")."""
    try:
        value = json.loads(value) if isinstance(value, str) else value
        red, green, blue = value if isinstance(value, (list, tuple)) else (value,) * 3
    except ValueError as error:
        raise BackboneError(
            f"{source.name}: {key} {value!r} is not one or three numbers."
        ) from error
    return (_number(source, key, red), _number(source, key, green), _number(source, key, blue))


def _number(source: Source, key: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise BackboneError(f"{source.name}: {key} {value!r} is not a number.")
    return number
