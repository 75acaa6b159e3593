"""Tasks whose every answer is known, and what a service reports of its work."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lpt.backbones import FrozenViT
from lpt.bench.random_tasks import random_spec, write_random_task
from lpt.model.prompt_shape import PromptShape
from lpt.serving.service import NullObserver
from lpt.serving.task_tables import table_bytes
from lpt.task import Task
from lpt.task.task_digest import task_digest

SHAPE = PromptShape(length=2, shared_blocks=None, pool_size=4, top_k=2)
CLASSES = 5
IMAGES = 4
TOLERANCE = 1e-4


@dataclass
class Expected:
    """What every version of every task gives to every image."""

    images: list[np.ndarray]
    answers: dict[str, np.ndarray] = field(default_factory=dict)
    labels: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def problem(self, name: str, image: int, answer: Any) -> str | None:
        """Say what is wrong with an answer; None if nothing is."""
        if answer.task != name or not answer.version.startswith(f"{name}@"):
            return f"asked {name}, answered by {answer.version}"
        if answer.labels != self.labels.get(answer.version):
            return f"labels of {answer.labels[:1]} from {answer.version}"
        wanted = self.answers[answer.version][image]
        error = float(np.abs(answer.probabilities.numpy() - wanted).max())
        return (
            f"{answer.version}: probabilities differ by {error:.1e}" if error > TOLERANCE else None
        )


class Tasks:
    """A folder of tasks, each of which has several versions that can take its place."""

    def __init__(self, folder: Path, backbone: FrozenViT, tasks: int, versions: int) -> None:
        self.folder, self.backbone = folder / "tasks", backbone
        self._spare = folder / "spare"
        self.folder.mkdir()
        self._spare.mkdir()
        side = backbone.spec.image_size
        noise = torch.Generator().manual_seed(0)
        images = torch.randn(IMAGES, 3, side, side, generator=noise)
        self.expected = Expected([image.numpy() for image in images])
        self.names = [f"task-{i}" for i in range(tasks)]
        self._files: dict[str, list[Path]] = {}
        for i, name in enumerate(self.names):
            self._files[name] = []
            for version in range(versions):
                path = self._spare / f"{name}-{version}.safetensors"
                spec = random_spec(backbone, f"{name}/{version}", CLASSES + i % 3, SHAPE)
                write_random_task(path, backbone, spec, seed=1000 * i + version)
                task, key = Task.load(path, backbone, "cpu"), f"{name}@{task_digest(path)[:12]}"
                with torch.inference_mode():
                    logits = task.model.predict(images).logits
                self.expected.answers[key] = (logits / spec.temperature).softmax(1).numpy()
                self.expected.labels[key] = spec.class_names
                self._files[name].append(path)
            self.replace(name, 0)
        self.bytes = table_bytes(backbone.depth, backbone.width, spec)

    def replace(self, name: str, version: int) -> None:
        """Put a version in place of the present one, as a careful operator does: by a rename."""
        source = self._files[name][version % len(self._files[name])]
        staged = self._spare / "staged"
        staged.write_bytes(source.read_bytes())
        staged.replace(self.folder / f"{name}.safetensors")


class Watch(NullObserver):
    """The longest queue, the loads and the evictions."""

    def __init__(self) -> None:
        self.longest = self.evictions = self.most_bytes = 0
        self.batches: list[tuple[int, int]] = []
        self.counts: Counter[str] = Counter()
        self.seconds = 0.0

    def queue(self, length: int) -> None:
        self.longest = max(self.longest, length)

    def evicted(self, task: str) -> None:
        del task
        self.evictions += 1

    def tasks(self, resident: int, bytes: int) -> None:
        del resident
        self.most_bytes = max(self.most_bytes, bytes)

    def batch(self, size: int, tasks: int, seconds: float) -> None:
        del seconds
        self.batches.append((size, tasks))

    def stage(self, name: str, seconds: float) -> None:
        self.counts[name] += 1
        self.seconds += seconds
