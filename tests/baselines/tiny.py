"""A training context in memory: four classes of noise of different brightness, a tiny ViT."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from lpt.backbones import FrozenViT
from lpt.config import load_config
from lpt.data.image_stores import MemoryStore
from lpt.data.manifest import Manifest, Split
from lpt.progress import SilentReporter
from lpt.training.run.training_context import TrainingContext

COUNTS = (12, 6, 4, 3)
NAMES = ("ant", "bee", "cat", "dog")


class Recorder(SilentReporter):
    """Records the metrics of epochs."""

    def __init__(self) -> None:
        self.records: list[Mapping[str, Any]] = []

    def epoch(self, record: Mapping[str, Any]) -> None:
        self.records.append(record)


def pictures(counts: Sequence[int] = COUNTS, seed: int = 0) -> Split:
    """Images of each class, one class after the other."""
    noise = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    encoded = []
    for label in labels:
        pixels = noise.integers(50 * label, 50 * label + 90, (18, 18, 3), dtype=np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        encoded.append(buffer.getvalue())
    store = MemoryStore(f"pictures {seed}", tuple(encoded))
    return Split("train", store, np.arange(len(labels)), labels.astype(np.int64))


def manifest(counts: Sequence[int] = COUNTS, val: bool = False) -> Manifest:
    splits = {"train": pictures(counts)}
    if val:
        splits["val"] = pictures([4] * len(counts), seed=1)
    return Manifest("pictures", NAMES[: len(counts)], splits)


def context(backbone: FrozenViT, data: Manifest | None = None, **settings: Any) -> TrainingContext:
    """A context that records; double underscores in names of settings stand for dots."""
    dotted = {name.replace("__", "."): value for name, value in settings.items()}
    config = load_config("default").changed({"data.workers": 0, **dotted})
    return TrainingContext(
        config, Recorder(), device="cpu", backbone=backbone, data=data or manifest()
    )


def disturb(encoder: torch.nn.Module) -> None:
    """Add noise to trainable parameters, some of which start at zero."""
    torch.manual_seed(5)
    with torch.no_grad():
        for parameters in encoder.param_groups().values():
            for parameter in parameters:
                parameter.add_(0.1 * torch.randn(parameter.shape))


def class_token(vit: FrozenViT, tokens: Tensor) -> Tensor:
    return vit.final_norm(tokens[:, 0])
