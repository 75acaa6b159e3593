"""A backbone's sizes, before any memory is allocated for it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import timm
import torch
from torch import nn

from lpt.backbones.infer import infer_vit
from lpt.backbones.names import Source
from lpt.backbones.spec import MAX_PARAMETERS, check_sizes
from lpt.backbones.vit import FrozenViT
from lpt.backbones.weight_file import Checkpoint, read_outline
from lpt.errors import BackboneError

__all__ = ["Outline", "build_vit", "freeze", "outline"]

_SLACK = 20_000_000  # numbers of position embeddings and heads that need not be in both


class Outline(NamedTuple):
    """Depth, width and number of parameters of a backbone that is not built yet."""

    depth: int
    width: int
    parameters: int


def outline(source: Source) -> Outline:
    """Measure a backbone by building it without memory, and compare it with its weights file.

    Fetches the weights file if it is on the hub.

    Args:
        source: anything but a registered function.
    Raises: BackboneError if the backbone is larger than any published ViT, or much larger than its
        weights file, or cannot be built.
    """
    inferred = source.architecture is None
    weights = _weights(source) if inferred else None
    with torch.device("meta"):
        backbone = freeze(source, build_vit(source, weights))
    check_sizes(source.name, depth=backbone.depth, width=backbone.width)
    parameters = sum(p.numel() for p in backbone.model.parameters())
    if parameters > MAX_PARAMETERS:
        raise BackboneError(
            f"{source.name}: {parameters:,} parameters are more than any published ViT has. "
            "Choose another backbone."
        )
    if not (inferred or source.random):  # what is not supported is refused before it is fetched
        weights = _weights(source)
    if weights is not None and parameters > 1.5 * weights.numbers + _SLACK:
        raise BackboneError(
            f"{weights.path}: holds {weights.numbers:,} numbers, but its architecture has "
            f"{parameters:,} parameters. {weights.remedy}"
        )
    return Outline(backbone.depth, backbone.width, parameters)


def _weights(source: Source) -> Checkpoint:
    return source.described(read_outline(source.file()))


def freeze(source: Source, model: nn.Module) -> FrozenViT:
    """Wrap a model. Raises: BackboneError naming the source if it is not supported."""
    try:
        backbone = FrozenViT(model)
    except BackboneError as error:
        raise BackboneError(f"{source.name}: {error}") from None
    height, width = backbone.model.patch_embed.img_size
    if height != width:
        raise BackboneError(f"{source.name}: takes {height} x {width} images; they must be square.")
    return backbone


def build_vit(source: Source, checkpoint: Checkpoint | None) -> nn.Module:
    """Build an untrained model at its native input size.

    Args:
        source: its architecture, or a registered function that builds it.
        checkpoint: weights whose shapes give the architecture; None if the source names it.
    Raises: BackboneError if timm cannot build it, or the function fails.
    """
    if source.build is not None:
        return _call(source.name, source.build)
    if checkpoint is not None:
        return _timms(source.name, lambda: infer_vit(checkpoint), checkpoint.remedy)
    arguments: dict[str, Any] = {"num_classes": 0, **source.model_arguments}
    return _timms(
        source.name,
        lambda: timm.create_model(source.architecture, pretrained=False, **arguments),
        "Correct `model_args` in its config.json.",
    )


def _timms(name: str, build: Callable[[], nn.Module], remedy: str) -> nn.Module:
    try:
        return build()
    except BackboneError:
        raise
    except Exception as error:  # timm raises anything for sizes that describe no model
        raise BackboneError(f"{name}: timm cannot build it ({error}). {remedy}") from error


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
            "Return a ViT of timm."
        )
    return model.cpu().float()
