"""Task files of all kinds on one tiny backbone, for the tests of serving."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from lpt.backbones import FrozenViT
from lpt.model.early_match import EarlyMatch
from lpt.model.two_pass import LongTailedPromptModel
from lpt.task import Task
from lpt.task_file import TaskSpec, save_task
from lpt.task_records import EarlyRecord, MatchMode

from ..test_task_file import spec_for
from ..tiny import write_backbone


def write_lively(path: Path, depth: int = 4) -> Path:
    """Write a tiny backbone whose class token depends on the image, unlike that of new weights."""
    tensors = load_file(write_backbone(path, depth=depth))
    large = {n: 12 * t if t.dim() > 1 and n != "cls_token" else t for n, t in tensors.items()}
    save_file(large, path, {"num_heads": "2"})
    return path


def png(seed: int = 0, side: int = 24) -> bytes:
    """Return an encoded image of noise."""
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def task_of(backbone: FrozenViT, seed: int = 0, **changes: Any) -> Task:
    """Make a task whose prompts, keys and classes are large enough to matter, drawn from a seed."""
    spec: TaskSpec = spec_for(backbone, **changes)
    torch.manual_seed(seed)
    model = LongTailedPromptModel(
        backbone,
        len(spec.class_names),
        spec.shape,
        phases=spec.phases,
        adapter_width=spec.adapter_width,
        reads_both=spec.reads_both,
    ).eval()
    if spec.early is not None:
        model.early = EarlyMatch(spec.pool_size, backbone.width)
        torch.nn.init.normal_(model.early.weight)
    adapters = () if model.adapters is None else model.adapters.parameters()
    with torch.no_grad():
        for parameter in (model.shared.prompts, model.pool.prompts, model.pool.keys, *adapters):
            parameter.normal_()
    return Task(model, spec)


def classes(number: int, prefix: str = "class") -> dict[str, Any]:
    """Fields of a spec with a number of classes."""
    return {
        "class_names": tuple(f"{prefix} {i}" for i in range(number)),
        "class_counts": tuple(range(number)),
    }


def early(match: MatchMode, margin: float = 0.5) -> dict[str, Any]:
    """Fields of a spec with early matching."""
    record = EarlyRecord(
        margin=margin, images=9, agreement=0.5, auto_agreement=0.9, auto_queries=0.4
    )
    return {"match": match, "early": record}


def save(task: Task, path: Path) -> Path:
    """Write a task file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_task(path, task.model, task.spec)
    return path
