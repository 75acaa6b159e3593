"""The task file: everything that a task adds to its backbone, in a few megabytes.

A file may come from anyone, so it is validated completely before any tensor is allocated.

It is a safetensors file with the float32 tensors shared_prompts (L, P, D),
group_prompts (M, L-K, P, D), keys (M, D) and classifier (C, D), and two metadata entries:
`lpt_task` (format version) and `spec` (JSON, the fields of `TaskSpec`). A task of phase 1 only has
neither group_prompts nor keys.
"""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from lpt.backbones import FrozenViT, load_backbone
from lpt.data.defaults import FEW_BELOW, MANY_ABOVE
from lpt.errors import ConfigError, TaskFileError
from lpt.escape import shell_command
from lpt.files import write_atomic
from lpt.model.two_pass import LongTailedPromptModel, PromptShape

__all__ = ["FORMAT", "BackboneRecord", "TaskSpec", "load_task", "read_spec", "save_task"]

FORMAT = 1
"""The format version that this code writes. It reads every version up to this one."""

MAX_SPEC_BYTES = 64 * 2**20
MAX_SHOWN = 100
"""Maximum number of characters of a file that an error message quotes."""

Count = Annotated[int, Field(ge=1, le=10_000_000)]
Pixels = Annotated[int, Field(ge=1, le=4096)]
Positive = Annotated[float, Field(gt=0)]


Kind = tuple[str | int, ...]
"""Data type of a tensor, as safetensors names it, followed by its sizes."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class BackboneRecord(_Record):
    """The backbone that a task was trained on, and how its inputs are prepared."""

    name: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    layer_norm_eps: Annotated[float, Field(gt=0, lt=1)]
    image_size: Pixels
    mean: tuple[float, float, float]
    std: tuple[Positive, Positive, Positive]
    interpolation: Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]


class TaskSpec(_Record):
    """Metadata of a task file.

    Attributes:
        class_names, class_counts: (C,) names in index order, and training images per class.
        phases: 2, or 1 for a model with shared prompts only.
        resize_rule, resize: how images are resized, in pixels, before the centre crop.
        temperature: softmax(cosine / temperature) gives probabilities.
        many_above, few_below: bounds of the shot groups (`lpt.data.class_groups`).
        metrics: at the end of training, by phase, split ("val", "test") and name.
    """

    name: str
    class_names: Annotated[tuple[str, ...], Field(min_length=1)]
    class_counts: tuple[Annotated[int, Field(ge=0)], ...]
    backbone: BackboneRecord
    shared_blocks: Count
    prompt_length: Count
    pool_size: Count
    top_k: Count
    phases: Literal[1, 2] = 2
    resize_rule: Literal["squash", "short-side"]
    resize: Pixels
    many_above: Annotated[int, Field(ge=0)] = MANY_ABOVE
    few_below: Annotated[int, Field(ge=0)] = FEW_BELOW
    temperature: Positive = 0.05
    metrics: dict[str, dict[str, dict[str, float | None]]] = {}

    @property
    def shape(self) -> PromptShape:
        """Sizes of the prompts."""
        return PromptShape(self.prompt_length, self.shared_blocks, self.pool_size, self.top_k)

    @property
    def source_accuracy(self) -> float | None:
        """Overall accuracy on the test images of the training data; None if it has none."""
        return self.metrics.get(f"phase{self.phases}", {}).get("test", {}).get("overall")


def save_task(path: Path, model: LongTailedPromptModel, spec: TaskSpec) -> int:
    """Write a task file atomically and return its size in bytes."""
    tensors = {
        name: tensor.detach().to("cpu", torch.float32).contiguous()
        for name, tensor in _tensors(model, spec.phases).items()
    }
    metadata = {"lpt_task": str(FORMAT), "spec": spec.model_dump_json()}
    write_atomic(path, lambda temporary: save_file(tensors, temporary, metadata))
    return path.stat().st_size


def read_spec(path: Path) -> TaskSpec:
    """Read and validate the metadata of a task file without loading a tensor.

    Raises: TaskFileError naming the file and what is wrong with it.
    """
    return _read(path)[0]


def load_task(
    path: Path, backbone: FrozenViT | None = None
) -> tuple[LongTailedPromptModel, TaskSpec]:
    """Read a task file and build its model. All sizes are checked before anything is allocated.

    Args:
        backbone: a loaded backbone, which tasks can share; None loads the one named in the file.
    Raises: TaskFileError if the file is damaged or hostile (unknown version, missing tensors,
        shapes that contradict the metadata, values that are not finite), or if the backbone is
        not the one it was trained on (both are named).
    """
    spec, found = _read(path)
    if backbone is None:
        backbone = load_backbone(
            spec.backbone.name,
            image_size=spec.backbone.image_size,
            layer_norm_eps=spec.backbone.layer_norm_eps,
        )
    _check_backbone(path, spec, backbone)
    _check_tensors(path, spec, found, backbone)
    # A task of phase 1 has no pool; the model gets the smallest possible one.
    shape = spec.shape if spec.phases == 2 else replace(spec.shape, pool_size=1, top_k=1)
    model = LongTailedPromptModel(backbone, len(spec.class_names), shape, phases=spec.phases)
    with safe_open(path, framework="pt") as file, torch.no_grad():
        for name, target in _tensors(model, spec.phases).items():
            value = file.get_tensor(name)
            if not torch.isfinite(value).all():
                raise TaskFileError(f"{path}: damaged: {name} holds values that are not finite.")
            target.copy_(value)
    return model.eval(), spec


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


def _read(path: Path) -> tuple[TaskSpec, dict[str, Kind]]:
    if not path.is_file():
        raise TaskFileError(f"{path}: no such file. {_instead(path)}")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            found = {name: (s.get_dtype(), *s.get_shape()) for name, s in slices.items()}
    except (OSError, SafetensorError) as error:
        raise TaskFileError(f"{path}: not a readable safetensors file ({error}).") from error
    if "lpt_task" not in metadata:
        raise TaskFileError(f"{path}: not a task file of lpt (its metadata has no 'lpt_task').")
    try:
        written = int(metadata["lpt_task"])
        if not 1 <= written <= FORMAT:
            raise TaskFileError(
                f"{path}: written in format {written}; this lpt reads up to {FORMAT}. Upgrade lpt."
            )
        text = metadata["spec"]
        if len(text) > MAX_SPEC_BYTES:
            raise TaskFileError(f"{path}: damaged: its metadata has {len(text)} characters.")
        spec = TaskSpec.model_validate_json(text)
    except (KeyError, ValueError) as error:
        raise TaskFileError(f"{path}: damaged metadata ({_short(error)}).") from error
    if len(spec.class_counts) != len(spec.class_names):
        raise TaskFileError(
            f"{path}: damaged: {len(spec.class_names)} names for {len(spec.class_counts)} counts."
        )
    return spec, found


def _short(error: Exception) -> str:
    text = str(error)
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        text = ".".join(map(str, first["loc"])) + ": " + first["msg"]
    return " ".join(text.split())[:MAX_SHOWN]


def _check_tensors(path: Path, spec: TaskSpec, found: dict[str, Kind], backbone: FrozenViT) -> None:
    try:
        shape = spec.shape.resolved(backbone.depth)
    except ConfigError as error:
        raise TaskFileError(f"{path}: damaged metadata ({error}).") from error
    depth, width, blocks = backbone.depth, backbone.width, spec.shared_blocks
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
        raise TaskFileError(
            f"{path}: made for backbone {wanted.name} (weights {wanted.sha256[:12]}), "
            f"not for {given.name} (weights {given.sha256[:12]}). "
            "Load it with the backbone it was trained on."
        )
    for name in ("image_size", "layer_norm_eps"):
        if getattr(wanted, name) != getattr(given, name):
            raise TaskFileError(
                f"{path}: made for {name} {getattr(wanted, name)}, the backbone was loaded with "
                f"{getattr(given, name)}. Load it with {name}={getattr(wanted, name)}."
            )
