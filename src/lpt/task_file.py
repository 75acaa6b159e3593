"""The task file: everything that a task adds to its backbone, in a few megabytes.

A file may come from anyone, so it is validated completely before any tensor is allocated, and the
backbone that it names is fetched, or opened by its path, only if the user asks for it
(`lpt.backbones.named_by_file`).

It is a safetensors file with the float32 tensors of `TaskSpec.tensor_sizes`, and two metadata
entries: `lpt_task` (format version) and `spec` (JSON, the fields of `TaskSpec`). A task of phase 1
only has neither group_prompts nor keys; a task without adapters or early matching has none of their
tensors.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from lpt.backbones import FrozenViT, load_backbone
from lpt.backbones.catalog import EMBEDDED
from lpt.backbones.compact.weight_type import WeightType
from lpt.backbones.named_by_file import check_named
from lpt.errors import ConfigError, TaskFileError
from lpt.files.atomic_files import write_bytes
from lpt.files.made_here import is_marked
from lpt.files.tensor_files import Kind, TensorFile, tensor_bytes
from lpt.model.early_match import EarlyMatch
from lpt.model.two_pass import LongTailedPromptModel
from lpt.task_spec import (
    FORMAT,
    LIMITS,
    MAX_SHOWN,
    PARAMETERS,
    BackboneRecord,
    TaskSpec,
    file_metadata,
    open_task_file,
    parse_spec,
    read_spec,
    spec_of,
)

__all__ = [
    "FORMAT",
    "LIMITS",
    "BackboneRecord",
    "TaskSpec",
    "backbone_of",
    "file_metadata",
    "load_task",
    "parse_spec",
    "read_spec",
    "read_task",
    "save_task",
]

LARGEST_VALUE = 1e6
"""Of a trained tensor. Larger values would overflow in products."""


def save_task(path: Path, model: LongTailedPromptModel, spec: TaskSpec) -> int:
    """Write a task file atomically and return its size in bytes."""
    write_bytes(path, task_bytes(model, spec))
    return path.stat().st_size


def task_bytes(model: LongTailedPromptModel, spec: TaskSpec) -> bytes:
    """Return the content of a task file. The same model and metadata give the same bytes."""
    tensors = {
        name: tensor.detach().to("cpu", torch.float32).contiguous()
        for name, tensor in _parameters(model, spec).items()
    }
    return tensor_bytes(tensors, file_metadata(spec))


def load_task(
    path: Path,
    backbone: FrozenViT | str | None = None,
    *,
    in_run: bool = True,
    weights: WeightType = "float32",
) -> tuple[LongTailedPromptModel, TaskSpec]:
    """Read a task file and build its model. All sizes are checked before anything is allocated.

    Args:
        backbone: a loaded backbone, which tasks can share, or the name of one to load; None loads
            the one named in the file, if that neither fetches nor opens anything that the user
            did not choose (`lpt.backbones.named_by_file.check_named`).
        in_run: whether the file may lie in the folder of a run; False for a file from a hub.
        weights: number type in which a backbone that is loaded here keeps its weights.
    Raises: TaskFileError if the file is damaged or hostile (unknown version, missing tensors,
        shapes that contradict the metadata, values that are not finite), or if the backbone is
        not the one it was trained on (both are named); BackboneError if the backbone cannot be
        loaded, or the user has to name it.
    """

    def choose(spec: TaskSpec, sizes: tuple[int, int]) -> FrozenViT:
        if isinstance(backbone, FrozenViT):
            return backbone
        return _load_backbone(path, spec, backbone, sizes, in_run=in_run, weights=weights)

    chosen, spec, tensors = read_task(path, choose)
    # A task of phase 1 has no pool; the model gets the smallest possible one.
    shape = spec.shape if spec.phases == 2 else replace(spec.shape, pool_size=1, top_k=1)
    model = LongTailedPromptModel(
        chosen,
        len(spec.class_names),
        shape,
        phases=spec.phases,
        adapter_width=spec.adapter_width,
        reads_both=spec.reads_both,
    )
    if spec.early is not None:
        model.early = EarlyMatch(spec.pool_size, chosen.width)
    with torch.no_grad():
        for name, target in _parameters(model, spec).items():
            target.copy_(tensors[name])
    return model.eval(), spec


def read_task(
    path: Path,
    choose: Callable[[TaskSpec, tuple[int, int]], FrozenViT],
    data: bytes | None = None,
) -> tuple[FrozenViT, TaskSpec, dict[str, Tensor]]:
    """Read and validate the metadata and the tensors of a task file, without building a model.

    Args:
        choose: returns the backbone for the metadata, and for the depth and width that the file
            states.
        data: the bytes of the file, if they were read already; `path` only names it then.
    Returns: the chosen backbone, the metadata, and the tensors by name.
    Raises: as `load_task`, and what `choose` raises.
    """
    with open_task_file(path, data) as file:
        spec = spec_of(file)
        depth, width = _outer_sizes(file)
        _check_tensors(file, spec, depth, width)
        backbone = choose(spec, (depth, width))
        _check_backbone(path, spec, backbone)
        if (depth, width) != (backbone.depth, backbone.width):
            _check_tensors(file, spec, backbone.depth, backbone.width)
        tensors = file.read_all()
    for name, value in tensors.items():
        if not torch.isfinite(value).all():
            raise TaskFileError(f"{path}: damaged: {name} holds values that are not finite.")
        if value.abs().max() > LARGEST_VALUE:
            raise TaskFileError(f"{path}: damaged: {name} holds values beyond {LARGEST_VALUE:g}.")
    return backbone, spec, tensors


def backbone_of(path: Path) -> FrozenViT:
    """Load the backbone that a task file names, at the image size of its weights.

    Raises: as `load_task`.
    """
    with open_task_file(path) as file:
        spec, sizes = spec_of(file), _outer_sizes(file)
    return _load_backbone(path, spec, None, sizes, resized=False)


def _load_backbone(
    path: Path,
    spec: TaskSpec,
    given: str | None,
    sizes: tuple[int, int],
    *,
    in_run: bool = True,
    resized: bool = True,
    weights: WeightType = "float32",
) -> FrozenViT:
    name = given
    if name is None:
        name = spec.backbone.name
        made_here = in_run and is_marked(path.parent, "backbone", name)
        check_named(name, path, made_here=made_here)
    return load_backbone(
        name,
        image_size=spec.backbone.image_size if resized else None,
        layer_norm_eps=spec.backbone.layer_norm_eps,
        feature=spec.backbone.feature if resized else "own",
        weights=weights,
        expected=sizes,
    )


def _parameters(model: LongTailedPromptModel, spec: TaskSpec) -> dict[str, nn.Parameter]:
    names = spec.tensor_sizes(model.backbone.depth, model.backbone.width)
    return {name: model.get_parameter(PARAMETERS[name]) for name in names}


def _outer_sizes(file: TensorFile) -> tuple[int, int]:
    """Depth and width of the backbone, as the shared prompts state them."""
    match file.kinds.get("shared_prompts"):
        case ("F32", int() as depth, int(), int() as width):
            return depth, width
        case held:
            raise TaskFileError(
                f"{file.path}: damaged: tensor shared_prompts is {str(held)[:MAX_SHOWN]}, "
                "but must be F32 with three sizes."
            )


def _check_tensors(file: TensorFile, spec: TaskSpec, depth: int, width: int) -> None:
    """Check all tensors against the metadata and the depth and width of the backbone."""
    path, found = file.path, file.kinds
    try:
        spec.shape.resolved(depth)
    except ConfigError as error:
        raise TaskFileError(f"{path}: damaged metadata ({error}).") from error
    sizes = spec.tensor_sizes(depth, width)
    wanted: dict[str, Kind] = {name: ("F32", *size) for name, size in sizes.items()}
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            held = str(found.get(name))[:MAX_SHOWN]
            raise TaskFileError(
                f"{path}: damaged: tensor {name[:MAX_SHOWN]} is {held}, "
                f"but its metadata requires {wanted.get(name)}."
            )


def _check_backbone(path: Path, spec: TaskSpec, backbone: FrozenViT) -> None:
    wanted, given = spec.backbone, backbone.spec
    if wanted.sha256 != given.sha256:
        remedy = "Load it with the backbone it was trained on."
        if wanted.name == given.name == EMBEDDED.name:
            remedy = (
                "Another version of lpt bundled these weights: "
                "give their file (backbones/embedded in its wheel) with --backbone."
            )
        raise TaskFileError(
            f"{path}: made for backbone {wanted.name} (weights {wanted.sha256[:12]}), "
            f"not for {given.name} (weights {given.sha256[:12]}). {remedy}"
        )
    for name in ("image_size", "layer_norm_eps", "feature"):
        if getattr(wanted, name) != getattr(given, name):
            raise TaskFileError(
                f"{path}: made for {name} {getattr(wanted, name)}, the backbone was loaded with "
                f"{getattr(given, name)}. Load it with {name}={getattr(wanted, name)}."
            )
