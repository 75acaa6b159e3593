"""Untrained task files, for measuring: speed does not depend on the weights."""

from pathlib import Path

import torch

from lpt.backbones import FrozenViT
from lpt.files.atomic_files import write_bytes
from lpt.files.tensor_files import tensor_bytes
from lpt.model.prompt_shape import PromptShape
from lpt.task_file import BackboneRecord, TaskSpec, file_metadata

__all__ = ["random_spec", "write_random_task"]


def random_spec(
    backbone: FrozenViT, name: str, classes: int, shape: PromptShape, *, phases: int = 2
) -> TaskSpec:
    """Make the metadata of an untrained task whose classes are named `NAME/0`, `NAME/1`, ..."""
    about, resolved = backbone.spec, shape.resolved(backbone.depth)
    assert resolved.shared_blocks is not None
    return TaskSpec(
        name=name,
        class_names=tuple(f"{name}/{i}" for i in range(classes)),
        class_counts=(1,) * classes,
        backbone=BackboneRecord(**{f: getattr(about, f) for f in BackboneRecord.model_fields}),
        shared_blocks=resolved.shared_blocks,
        prompt_length=resolved.length,
        pool_size=resolved.pool_size,
        top_k=resolved.top_k,
        phases=2 if phases == 2 else 1,
        resize_rule="squash",
        resize=round(1.1 * about.image_size),
    )


def write_random_task(path: Path, backbone: FrozenViT, spec: TaskSpec, seed: int) -> Path:
    """Write a task file with weights that a seed determines."""
    generator = torch.Generator().manual_seed(seed)
    sizes = spec.tensor_sizes(backbone.depth, backbone.width)
    tensors = {name: torch.randn(*size, generator=generator) for name, size in sizes.items()}
    write_bytes(path, tensor_bytes(tensors, file_metadata(spec)))
    return path
