"""The task file: everything that a task adds to its backbone, in a few megabytes.

A file may come from anyone, so it is validated completely before any tensor is allocated, and the
backbone that it names is fetched, or opened by its path, only if the user asks for it
(`lpt.backbones.named_by_file`).

It is a safetensors file with the float32 tensors shared_prompts (L, P, D),
group_prompts (M, L-K, P, D), keys (M, D) and classifier (C, D), and two metadata entries:
`lpt_task` (format version) and `spec` (JSON, the fields of `TaskSpec`). A task of phase 1 only has
neither group_prompts nor keys.
"""

from dataclasses import replace
from pathlib import Path

import torch
from pydantic import BaseModel, TypeAdapter, ValidationError
from torch import Tensor

from lpt.backbones import FrozenViT, load_backbone
from lpt.backbones.catalog import EMBEDDED
from lpt.backbones.named_by_file import check_named
from lpt.errors import ConfigError, LptError, TaskFileError
from lpt.escape import shell_command
from lpt.files.atomic_files import write_bytes
from lpt.files.json_files import problem, read_json
from lpt.files.tensor_files import Kind, TensorFile, TensorLimits, tensor_bytes
from lpt.model.two_pass import LongTailedPromptModel
from lpt.task_spec import BackboneRecord, TaskSpec

__all__ = [
    "FORMAT",
    "BackboneRecord",
    "TaskSpec",
    "load_task",
    "read_spec",
    "save_task",
]

FORMAT = 1
"""The format version that this code writes. It reads every version up to this one."""

MAX_SHOWN = 100
"""Maximum number of characters of a file that an error message quotes."""

LIMITS = TensorLimits(file_bytes=2**32, header_bytes=2**23)
"""Of a task file; what is larger is refused before it is parsed."""

LARGEST_VALUE = 1e6
"""Of a trained tensor. Larger values would overflow in products."""


def save_task(path: Path, model: LongTailedPromptModel, spec: TaskSpec) -> int:
    """Write a task file atomically and return its size in bytes.

    The same model and metadata give the same bytes.
    """
    tensors = {
        name: tensor.detach().to("cpu", torch.float32).contiguous()
        for name, tensor in _tensors(model, spec.phases).items()
    }
    metadata = {"lpt_task": str(FORMAT), "spec": spec.model_dump_json()}
    write_bytes(path, tensor_bytes(tensors, metadata))
    return path.stat().st_size


def read_spec(path: Path) -> TaskSpec:
    """Read and validate the metadata of a task file without loading a tensor.

    Raises: TaskFileError naming the file and what is wrong with it.
    """
    with _open(path) as file:
        return _spec(file)


def load_task(
    path: Path, backbone: FrozenViT | str | None = None
) -> tuple[LongTailedPromptModel, TaskSpec]:
    """Read a task file and build its model. All sizes are checked before anything is allocated.

    Args:
        backbone: a loaded backbone, which tasks can share, or the name of one to load; None loads
            the one named in the file, if that neither fetches nor opens anything that the user
            did not choose (`lpt.backbones.named_by_file.check_named`).
    Raises: TaskFileError if the file is damaged or hostile (unknown version, missing tensors,
        shapes that contradict the metadata, values that are not finite), or if the backbone is
        not the one it was trained on (both are named); BackboneError if the backbone cannot be
        loaded, or the user has to name it.
    """
    with _open(path) as file:
        spec = _spec(file)
        depth, width = _outer_sizes(file)
        _check_tensors(file, spec, depth, width)
        if not isinstance(backbone, FrozenViT):
            backbone = _load_backbone(path, spec, backbone, (depth, width))
        _check_backbone(path, spec, backbone)
        if (depth, width) != (backbone.depth, backbone.width):
            _check_tensors(file, spec, backbone.depth, backbone.width)
        # A task of phase 1 has no pool; the model gets the smallest possible one.
        shape = spec.shape if spec.phases == 2 else replace(spec.shape, pool_size=1, top_k=1)
        model = LongTailedPromptModel(backbone, len(spec.class_names), shape, phases=spec.phases)
        with torch.no_grad():
            for name, target in _tensors(model, spec.phases).items():
                value = file.read(name)
                if not torch.isfinite(value).all():
                    raise TaskFileError(
                        f"{path}: damaged: {name} holds values that are not finite."
                    )
                if value.abs().max() > LARGEST_VALUE:
                    raise TaskFileError(
                        f"{path}: damaged: {name} holds values beyond {LARGEST_VALUE:g}."
                    )
                target.copy_(value)
    return model.eval(), spec


def _load_backbone(
    path: Path, spec: TaskSpec, given: str | None, sizes: tuple[int, int]
) -> FrozenViT:
    name = given
    if name is None:
        name = spec.backbone.name
        check_named(name, path, recorded=_is_recorded(path.parent, spec.backbone.sha256))
    return load_backbone(
        name,
        image_size=spec.backbone.image_size,
        layer_norm_eps=spec.backbone.layer_norm_eps,
        expected=sizes,
    )


class _Identity(BaseModel):
    backbone: str


def _is_recorded(folder: Path, sha256: str) -> bool:
    """Whether a folder is that of a run which was trained on the weights of this hash."""
    try:
        identity = read_json(folder / "identity.json", TypeAdapter(_Identity), remedy="")
    except LptError:
        return False
    return identity.backbone == sha256


def _tensors(model: LongTailedPromptModel, phases: int) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {
        "shared_prompts": model.shared.prompts,
        "classifier": model.classifier.weight,
    }
    if phases == 2:
        tensors |= {"group_prompts": model.pool.prompts, "keys": model.pool.keys}
    return tensors


def _instead(path: Path) -> str:
    run = path.parent
    if (run / "config.yaml").is_file():
        again = shell_command("lpt", "train", "--out", run, "--resume")
        return f"The run is not finished. Resume it: {again}"
    return "Give a task file, or the folder of a run."


def _open(path: Path) -> TensorFile:
    if not path.exists() or path.is_dir():
        raise TaskFileError(f"{path}: no such file. {_instead(path)}")
    return TensorFile(path, LIMITS, TaskFileError)


def _spec(file: TensorFile) -> TaskSpec:
    path, metadata = file.path, file.metadata
    if "lpt_task" not in metadata:
        raise TaskFileError(f"{path}: not a task file of lpt (its metadata has no 'lpt_task').")
    try:
        written = int(metadata["lpt_task"])
        if not 1 <= written <= FORMAT:
            raise TaskFileError(
                f"{path}: written in format {written}; this lpt reads up to {FORMAT}. Upgrade lpt."
            )
        spec = TaskSpec.model_validate_json(metadata["spec"])
    except ValidationError as error:
        raise TaskFileError(f"{path}: damaged metadata ({problem(error)}).") from error
    except (KeyError, ValueError) as error:
        reason = " ".join(str(error).split())[:MAX_SHOWN]
        raise TaskFileError(f"{path}: damaged metadata ({reason}).") from error
    if len(spec.class_counts) != len(spec.class_names):
        raise TaskFileError(
            f"{path}: damaged: {len(spec.class_names)} names for {len(spec.class_counts)} counts."
        )
    return spec


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
    path, found, blocks = file.path, file.kinds, spec.shared_blocks
    try:
        shape = spec.shape.resolved(depth)
    except ConfigError as error:
        raise TaskFileError(f"{path}: damaged metadata ({error}).") from error
    wanted: dict[str, Kind] = {
        "shared_prompts": ("F32", depth, shape.length, width),
        "classifier": ("F32", len(spec.class_names), width),
    }
    if spec.phases == 2:
        wanted["group_prompts"] = ("F32", shape.pool_size, depth - blocks, shape.length, width)
        wanted["keys"] = ("F32", shape.pool_size, width)
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
    for name in ("image_size", "layer_norm_eps"):
        if getattr(wanted, name) != getattr(given, name):
            raise TaskFileError(
                f"{path}: made for {name} {getattr(wanted, name)}, the backbone was loaded with "
                f"{getattr(given, name)}. Load it with {name}={getattr(wanted, name)}."
            )
