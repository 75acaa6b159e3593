"""Read backbone weights from a safetensors file, and load them into a model.

Only safetensors are read. A torch file is a pickle, which can run code when it is opened.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from timm.models.beit import Beit
from timm.models.beit import checkpoint_filter_fn as from_beit
from timm.models.eva import Eva
from timm.models.eva import checkpoint_filter_fn as from_eva
from timm.models.vision_transformer import checkpoint_filter_fn as from_vit
from torch import Tensor

from lpt.backbones.key_maps import to_timm
from lpt.errors import BackboneError
from lpt.files.tensor_files import TensorFile, TensorLimits

__all__ = [
    "PICKLE_SUFFIXES",
    "RESAVE",
    "Checkpoint",
    "fill",
    "read_checkpoint",
    "read_metadata",
    "read_outline",
    "read_tensors",
]

LIMITS = TensorLimits(file_bytes=2**35)
"""Of a weights file: 32 GiB, eight thousand million float32 numbers."""

PICKLE_SUFFIXES = frozenset({".pt", ".pth", ".bin", ".ckpt", ".pkl"})

RESAVE = (
    "if you trust their source, re-save them: state = torch.load(FILE, weights_only=True); "
    'safetensors.torch.save_file(state, "FILE.safetensors")'
)
"""Remedy for weights in a torch file; the part of a sentence after a semicolon."""

_NOT_BACKBONE = ("head.", "head_dist.", "pre_logits.", "mask_token")
"""Tensors that belong to pretraining, not to the backbone."""


class Checkpoint(NamedTuple):
    """The content of a weights file under timm's names (`lpt.backbones.key_maps`).

    Attributes:
        path: the file.
        tensors: floating-point tensors in float32; without memory in an outline.
        metadata: text of the file, and what its layout implies.
        layout: the layout that names were converted from; "" for timm's.
    """

    path: Path
    tensors: dict[str, Tensor]
    metadata: dict[str, str]
    layout: str = ""

    @property
    def remedy(self) -> str:
        """The sentence that ends messages about tensors that do not fit."""
        if self.layout:
            return (
                f"It is in the layout of {self.layout}; take timm's copy of these weights "
                "(`lpt backbones`)."
            )
        return "Name its architecture: TIMM_NAME@FILE."

    @property
    def numbers(self) -> int:
        """How many numbers all tensors have together."""
        return sum(tensor.numel() for tensor in self.tensors.values())


def read_checkpoint(path: Path) -> Checkpoint:
    """Read all tensors of a safetensors file.

    Raises: BackboneError if the file is missing, damaged or not safetensors.
    """
    with _open(path) as file:
        tensors = file.read_all()
        metadata = file.metadata
    return _checkpoint(path, tensors, metadata)


def read_outline(path: Path) -> Checkpoint:
    """Read names, shapes and metadata; the tensors have no memory (device "meta").

    Raises: BackboneError like `read_checkpoint`.
    """
    with _open(path) as file:
        return _checkpoint(path, file.outlines(), file.metadata)


def read_tensors(path: Path, wanted: Callable[[str], bool]) -> dict[str, Tensor]:
    """Read some tensors in float32 under the names of the file.

    Args:
        wanted: whether a tensor of this name is read.
    Raises: BackboneError like `read_checkpoint`.
    """
    with _open(path) as file:
        return {name: _float(file.read(name)) for name in file.kinds if wanted(name)}


def read_metadata(path: Path) -> dict[str, str]:
    """Read the metadata of a safetensors file without its tensors.

    Raises: BackboneError like `read_checkpoint`.
    """
    with _open(path) as file:
        return file.metadata


def fill(model: Any, checkpoint: Checkpoint) -> None:
    """Load a checkpoint into a model of the same architecture, at the checkpoint's input size.

    Position embeddings for another grid change the model's input size, not the embeddings. Tensor
    names of the authors of DINOv2, EVA and PE are converted by timm. Heads are left out.

    Raises: BackboneError for missing, unknown, ill-shaped or non-finite tensors.
    """
    path, tensors = checkpoint.path, checkpoint.tensors
    _adopt_input_size(model, checkpoint)
    expected = model.state_dict()
    try:
        converted = _timms_names(model, dict(tensors))
    except Exception as error:  # timm converts tensors of any shape, and may raise anything
        raise BackboneError(
            f"{path}: not weights of this architecture ({error}). {checkpoint.remedy}"
        ) from error
    found = {n: t for n, t in converted.items() if not n.startswith(_NOT_BACKBONE)}
    if missing := sorted(expected.keys() - found.keys()):
        raise BackboneError(
            f"{path}: lacks {_some(missing)}. Download it again, or: {checkpoint.remedy}"
        )
    if unknown := sorted(found.keys() - expected.keys()):
        raise BackboneError(
            f"{path}: {_some(unknown)} do not belong to this architecture. {checkpoint.remedy}"
        )
    for name, tensor in found.items():
        if tensor.shape != expected[name].shape:
            raise BackboneError(
                f"{path}: {name} has shape {tuple(tensor.shape)}, but this architecture needs "
                f"{tuple(expected[name].shape)}. {checkpoint.remedy}"
            )
        if not torch.isfinite(tensor).all():
            raise BackboneError(f"{path}: {name} contains NaN or infinity. Download it again.")
    model.load_state_dict(found)


def _timms_names(model: Any, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Convert names that timm knows: those of the authors of a model."""
    if isinstance(model, Eva):
        converted = from_eva(tensors, model)
    elif isinstance(model, Beit):
        own = {n: t for n, t in tensors.items() if "relative_position_index" not in n}
        converted = from_beit(own, model)
    else:
        converted = from_vit(tensors, model, adapt_layer_scale=True)
    found: dict[str, Tensor] = converted
    return found


def _adopt_input_size(model: Any, checkpoint: Checkpoint) -> None:
    """Give the model the patch grid of the checkpoint, so that timm resamples nothing."""
    path, tensors = checkpoint.path, checkpoint.tensors
    kernel = tensors.get("patch_embed.proj.weight")
    if kernel is not None and kernel.shape != model.patch_embed.proj.weight.shape:
        raise BackboneError(
            f"{path}: patch_embed.proj.weight has shape {tuple(kernel.shape)}, but this "
            f"architecture needs {tuple(model.patch_embed.proj.weight.shape)}. {checkpoint.remedy}"
        )
    positions = tensors.get("pos_embed")
    if positions is None or model.pos_embed is None or positions.shape == model.pos_embed.shape:
        return
    others = model.pos_embed.shape[1] - model.patch_embed.num_patches
    patches = positions.shape[1] - others if positions.dim() == 3 else 0
    grid = math.isqrt(max(patches, 0))
    if grid == 0 or grid * grid != patches or positions.shape[::2] != model.pos_embed.shape[::2]:
        raise BackboneError(
            f"{path}: pos_embed has shape {tuple(positions.shape)}, which is not a square grid "
            f"of patches plus {others} tokens. {checkpoint.remedy}"
        )
    if model.patch_embed.grid_size[0] < 1:
        raise BackboneError(
            f"{path}: images of {model.patch_embed.img_size[0]} px are smaller than a patch. "
            f"{checkpoint.remedy}"
        )
    patch = model.patch_embed.img_size[0] // model.patch_embed.grid_size[0]
    model.set_input_size((grid * patch, grid * patch))


def _checkpoint(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> Checkpoint:
    if not tensors:
        raise BackboneError(f"{path}: contains no tensors. Download it again.")
    for name, tensor in tensors.items():
        if not tensor.numel():
            raise BackboneError(f"{path}: {name} is empty. Download it again.")
    renamed = to_timm({name: _float(tensor) for name, tensor in tensors.items()})
    return Checkpoint(path, renamed.tensors, {**renamed.metadata, **metadata}, renamed.layout)


def _float(tensor: Tensor) -> Tensor:
    return tensor.to(torch.float32) if tensor.is_floating_point() else tensor


def _open(path: Path) -> TensorFile:
    if path.suffix.lower() in PICKLE_SUFFIXES:
        raise BackboneError(
            f"{path}: a torch file can run code when opened; only .safetensors files are read.",
            f"{RESAVE[0].upper()}{RESAVE[1:]}.",
        )
    if not path.exists():
        raise BackboneError(f"{path}: no such weights file. Check the path.")
    return TensorFile(path, LIMITS, BackboneError)


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
