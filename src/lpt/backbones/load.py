"""Load a frozen backbone by name."""

from collections.abc import Mapping
from typing import Any

import torch
from timm.layers import RmsNorm
from torch import nn

from lpt.backbones.catalog import EMBEDDED
from lpt.backbones.compact.weight_type import WeightType
from lpt.backbones.names import Source, find_source
from lpt.backbones.outline import build_vit, freeze, outline
from lpt.backbones.preprocessing import Preprocessing, stated_number
from lpt.backbones.spec import BackboneSpec, hash_weights
from lpt.backbones.towers.feature import chosen_feature
from lpt.backbones.towers.feature_name import FeatureChoice
from lpt.backbones.towers.input_sizes import patch_size, resize_input
from lpt.backbones.vit import FrozenViT
from lpt.backbones.weight_file import Checkpoint, fill, read_checkpoint
from lpt.errors import BackboneError
from lpt.machine.own_generator import OwnGenerator

__all__ = ["load_backbone"]

_RANDOM_SEED = 0


def load_backbone(
    name: str,
    *,
    image_size: int | None = None,
    layer_norm_eps: float | None = None,
    feature: FeatureChoice = "own",
    weights: WeightType = "float32",
    expected: tuple[int, int] | None = None,
) -> FrozenViT:
    """Load a Vision Transformer, frozen and in eval mode, on the CPU.

    Names (see `lpt.backbones.names`): the bundled `vit_tiny_patch8_64`; a timm name with or without
    tag; `hf-hub:ORG/REPO`; a folder with config.json and model.safetensors; a .safetensors file, or
    `TIMM_NAME@FILE`; `random:NAME` for that architecture with random weights; a registered name.

    Heads are dropped. Preprocessing is
    timm's for the name, unless config.json or the metadata of the file state `mean`, `std` or
    `interpolation`. A file without a timm name that states none gets mean = std = 0.5 and bicubic.

    Args:
        name: the backbone to load.
        image_size: side of the input in pixels, a multiple of the patch size; None: the size of
            the weights. For another size, learned positions are interpolated (timm's bicubic),
            biases of relative positions too, and rotary ones are computed.
        layer_norm_eps: eps of every LayerNorm; None: the model's own (1e-6 in most timm ViTs; the
            released LPT checkpoint was trained with 1e-5).
        feature: how the feature is read: "own", as the model was trained (class token, mean of the
            patches, or attention pool); "class+patches", class token and mean of the patches; or
            "auto", both tokens if the model has a trained class token, otherwise its own.
        weights: number type in which the weights of the blocks' linear layers are kept: "float32",
            "bf16" or "int8" (docs/scale.md). They are read in float32.
        expected: depth and width that it must have, compared before anything is allocated.
    Returns: the backbone, with its `spec` set.
    Raises: BackboneError if the name is unknown, the hub cannot be reached, the architecture is not
        supported, the file is damaged, or a setting is impossible.

    >>> backbone = load_backbone("vit_tiny_patch8_64")
    >>> backbone.width, backbone.depth, backbone.spec.image_size
    (192, 12, 64)
    """
    source = find_source(name)
    if source.build is None and source.name != EMBEDDED.name:
        sizes = outline(source)
        _check_expected(source, expected, sizes.depth, sizes.width)
    inferred = not (source.architecture or source.build)
    checkpoint = _read(source) if inferred else None
    with OwnGenerator(_RANDOM_SEED):
        backbone = freeze(source, build_vit(source, checkpoint))
    _check_expected(source, expected, backbone.depth, backbone.width)
    model = backbone.model
    read = chosen_feature(model, feature)
    if read != "own":
        backbone = FrozenViT(model, read)
    if source.build is not None:
        _check_built(source, model)
    elif not source.random:
        checkpoint = checkpoint or _read(source)
        fill(model, checkpoint)
    sha256 = hash_weights(model.state_dict())
    if source.name == EMBEDDED.name and sha256 != EMBEDDED.sha256:
        raise BackboneError(
            f"{name}: the bundled weights hash to {sha256[:12]}, not {EMBEDDED.sha256[:12]}: "
            "the installation is damaged. Install lpt again."
        )
    metadata = checkpoint.metadata if checkpoint else {}
    mean, std, interpolation = Preprocessing.stated(
        source.name, getattr(model, "pretrained_cfg", {}), source.preprocessing, metadata
    )
    resize_input(source.name, model, image_size)
    backbone.spec = BackboneSpec(
        name=source.name,
        sha256=sha256,
        width=backbone.width,
        depth=backbone.depth,
        heads=backbone.heads,
        patch_size=patch_size(model),
        image_size=model.patch_embed.img_size[0],
        num_patches=model.patch_embed.num_patches,
        mean=mean,
        std=std,
        interpolation=interpolation,
        layer_norm_eps=_layer_norm_eps(source, model, layer_norm_eps, metadata),
        feature=read,
    )
    backbone.keep_weights(weights)
    return backbone


def _read(source: Source) -> Checkpoint:
    return source.described(read_checkpoint(source.file()))


def _check_expected(
    source: Source, expected: tuple[int, int] | None, depth: int, width: int
) -> None:
    if expected is not None and expected != (depth, width):
        raise BackboneError(
            f"{source.name}: has {depth} blocks of width {width}, but {expected[0]} of width "
            f"{expected[1]} are needed. Name the backbone that the task was trained on."
        )


def _check_built(source: Source, model: Any) -> None:
    """Drop the head of a registered function's model, and check its weights."""
    model.reset_classifier(0)
    for name, tensor in model.state_dict().items():
        if not torch.isfinite(tensor).all():
            raise BackboneError(f"{source.name}: {name} contains NaN or infinity.")


def _layer_norm_eps(
    source: Source, model: nn.Module, wanted: float | None, metadata: Mapping[str, str]
) -> float:
    """Set eps if the caller or the file states a value, and return the value in use."""
    norms = [m for m in model.modules() if isinstance(m, nn.LayerNorm | nn.RMSNorm | RmsNorm)]
    if wanted is None and "layer_norm_eps" in metadata:
        wanted = stated_number(source.name, "layer_norm_eps", metadata["layer_norm_eps"])
    if wanted is None:
        return float(norms[0].eps or 1e-6)
    if not 0 < wanted < 1:
        raise BackboneError(f"layer_norm_eps {wanted}: must lie between 0 and 1, such as 1e-6.")
    for norm in norms:
        norm.eps = wanted
    return wanted
