"""A tiny task for tests: a ViT of width 16, four classes of noise, runs that take seconds."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from timm.models.vision_transformer import VisionTransformer

from lpt.backbones import FrozenViT, load_backbone
from lpt.config import RunConfig, load_config
from lpt.progress import SilentReporter
from lpt.task import Task
from lpt.task.run_result import Result
from lpt.training.run.run_folder import RunFolder
from lpt.training.run.training_context import TrainingContext
from lpt.training.trainer import Trainer

COUNTS = {"ant": 30, "bee": 12, "cat": 6, "dog": 3}
SETTINGS = {
    "feature": "own",  # that of a backbone that tests load themselves
    "phase1.epochs": 2,
    "phase2.epochs": 2,
    "phase1.batch_size": 8,
    "phase2.batch_size": 8,
    "phase1.epoch_images": 24,
    "phase2.epoch_images": 24,
    "checkpoint_seconds": 0,
    "prompts.length": 2,
    "prompts.pool_size": 4,
    "augment.mixup": 0.3,
    "phase2.cached_views": 0,
    "classifier.dropout": 0.1,
    "classifier.mean_weight": 0.5,
    "selection": "best",
    "precision": "float32",
}
"""A checkpoint after every step, every source of randomness, and the same precision everywhere."""


class Killed(BaseException):
    """Simulates a kill: no handler of the program catches it."""


def write_backbone(path: Path, seed: int = 0, depth: int = 3) -> Path:
    """Write random weights of a ViT with 16 px, 2 x 2 patches and width 16."""
    torch.manual_seed(seed)
    vit = VisionTransformer(
        img_size=16, patch_size=8, embed_dim=16, depth=depth, num_heads=2, num_classes=0
    )
    tensors = {name: value.contiguous() for name, value in vit.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, {"num_heads": "2"})
    return path


def write_photos(root: Path, counts: Mapping[str, int] = COUNTS) -> Path:
    """Write class folders with noise images; each class has its own mean brightness."""
    noise = np.random.default_rng(0)
    for c, (name, n) in enumerate(counts.items()):
        (root / name).mkdir(parents=True)
        for i in range(n):
            pixels = noise.integers(40 * c, 40 * c + 120, (18, 18, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f"{i:02d}.png")
    return root


def config(source: Path | str, **settings: Any) -> RunConfig:
    dotted = {name.replace("__", "."): value for name, value in settings.items()}
    return load_config("default").changed({**SETTINGS, "data.source": str(source), **dotted})


@contextmanager
def opened(config: RunConfig, folder: Path, backbone: FrozenViT) -> Iterator[Trainer]:
    """Open a trainer in a new folder, or resume the run in an existing one."""
    run = RunFolder(folder)
    begun = run.config_file.is_file()
    try:
        context = TrainingContext(
            run.open() if begun else config, SilentReporter(), device="cpu", backbone=backbone
        )
        trainer = Trainer(context, run)
        if begun:
            run.check_identity(trainer.identity())
        else:
            run.create(trainer.config, trainer.identity())
        yield trainer
    finally:
        run.release()


def train(config: RunConfig, folder: Path, backbone: FrozenViT) -> tuple[Task, Result]:
    """Train in a new folder, or resume the run in an existing one."""
    with opened(config, folder, backbone) as trainer:
        return trainer.run()


def tensors_of(run: Path) -> dict[str, torch.Tensor]:
    """Return every tensor of a run, by file and name."""
    files = [run / "task.safetensors", *(run / "checkpoints").glob("*.safetensors")]
    return {f"{f.name} {name}": t for f in files for name, t in load_file(f).items()}


def metrics_of(run: Path) -> list[dict[str, Any]]:
    """Return the lines of metrics.jsonl without times."""
    timed = ("seconds", "images_per_second", "loading_share")
    lines = (run / "metrics.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k not in timed} for line in lines]


def backbone_of(path: Path) -> FrozenViT:
    return load_backbone(str(path))
