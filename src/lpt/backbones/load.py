"""Load a frozen backbone by name."""

import json
import math
from collections.abc import Callable, Mapping
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
from lpt.own_generator import OwnGenerator

__all__ = ["load_backbone"]

_RANDOM_SEED = 0
_BUILD_ERRORS = (ArithmeticError, AssertionError, LookupError, RuntimeError, TypeError, ValueError)
"""Raised by timm for arguments that describe no model."""
_PREPROCESSING: Mapping[str, Any] = {"mean": 0.5, "std": 0.5, "interpolation": "bicubic"}
_INTERPOLATIONS = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")


def load_backbone(
    name: str, *, image_size: int | None = None, layer_norm_eps: float | None = None
) -> FrozenViT:
    """Load a Vision Transformer, frozen, in eval mode and float32, on the CPU.

    Names (see `lpt.backbones.names`): the bundled `vit_tiny_patch8_64`; a timm name with or without
    tag; `hf-hub:ORG/REPO`; a folder with config.json and model.safetensors; a .safetensors file, or
    `TIMM_NAME@FILE`; `random:NAME` for that architecture with random weights; a registered name.

    Heads are dropped. A model that timm pools by averaging keeps its `fc_norm` as final norm of the
    class token. Preprocessing is timm's for the name, unless config.json or the metadata of the
    file state `mean`, `std` or `interpolation`. A file without a timm name that states none gets
    mean = std = 0.5 and bicubic.

    Args:
        name: the backbone to load.
        image_size: side of the input in pixels, a multiple of the patch size; None: the size of
            the weights. For another size the position embedding is interpolated (bicubic, timm's).
        layer_norm_eps: eps of every LayerNorm; None: the model's own (1e-6 in most timm ViTs; the
            released LPT checkpoint was trained with 1e-5).
    Returns: the backbone, with its `spec` set.
    Raises: BackboneError if the name is unknown, the hub cannot be reached, the architecture has no
        class token or is otherwise unsupported, the file is damaged, or a setting is impossible.

    >>> backbone = load_backbone("vit_tiny_patch8_64")
    >>> backbone.width, backbone.depth, backbone.spec.image_size
    (192, 12, 64)
    """
    source = find_source(name)
    inferred = not (source.architecture or source.build)
    checkpoint = read_checkpoint(source.file()) if inferred else None
    with OwnGenerator(_RANDOM_SEED):
        backbone = _freeze(source, _build(source, checkpoint))
    model: VisionTransformer = backbone.model
    if source.build is not None:
        _check_built(source, model)
    elif not source.random:
        checkpoint = checkpoint or read_checkpoint(source.file())
        fill(model, checkpoint)
    sha256 = hash_weights(model.state_dict())
    if source.name == EMBEDDED.name and sha256 != EMBEDDED.sha256:
        raise BackboneError(
            f"{name}: the bundled weights hash to {sha256[:12]}, not {EMBEDDED.sha256[:12]}: "
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
    """Build the model at its native input size: untrained, except by a registered function."""
    model: nn.Module
    if checkpoint is not None:
        model = infer_vit(checkpoint)
        return model
    if source.build is not None:
        return _call(source.name, source.build)
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


def _call(name: str, build: Callable[[], nn.Module]) -> nn.Module:
    try:
        model = build()
    except Exception as error:  # a function from outside may raise anything
        raise BackboneError(
            f"{name}: the registered function failed: {type(error).__name__}: {error}. Correct it."
        ) from error
    if not isinstance(model, nn.Module):
        raise BackboneError(
            f"{name}: the registered function returned {type(model).__name__}. "
            "Return a timm VisionTransformer."
        )
    return model.cpu().float()


def _check_built(source: Source, model: VisionTransformer) -> None:
    """Drop the head of a registered function's model, and check its weights."""
    model.reset_classifier(0)
    for name, tensor in model.state_dict().items():
        if not torch.isfinite(tensor).all():
            raise BackboneError(f"{source.name}: {name} contains NaN or infinity.")


def _freeze(source: Source, model: nn.Module) -> FrozenViT:
    try:
        backbone = FrozenViT(model)
    except BackboneError as error:
        raise BackboneError(f"{source.name}: {error}") from None
    height, width = backbone.model.patch_embed.img_size
    if height != width:
        raise BackboneError(f"{source.name}: takes {height} x {width} images; they must be square.")
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
    """Set eps if the caller or the file states a value, and return the value in use."""
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
    """Return mean, std and interpolation: the file's, else the folder's, else timm's, else 0.5."""
    timms = getattr(model, "pretrained_cfg", {})
    stated = {**_PREPROCESSING}
    for fields in (timms, source.preprocessing, metadata):
        stated |= {key: fields[key] for key in _PREPROCESSING if fields.get(key) is not None}
    if stated["interpolation"] not in _INTERPOLATIONS:
        raise BackboneError(
            f"{source.name}: interpolation {stated['interpolation']!r} is unknown. "
            f"Choose one of: {', '.join(_INTERPOLATIONS)}."
        )
    mean, std = (_colour(source, key, stated[key]) for key in ("mean", "std"))
    if min(std) <= 0:
        raise BackboneError(f"{source.name}: std {std} must be above 0.")
    return mean, std, stated["interpolation"]


def _colour(source: Source, key: str, value: Any) -> _Colour:
    """Return three numbers from a list, one number, or text ("0.5", "[0.48, 0.46, 0.41]")."""
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
