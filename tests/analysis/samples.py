"""Small synthetic material: scores of images, and whole analysed run folders."""

import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from lpt.analysis.analysis_data import AnalysisData
from lpt.analysis.analysis_results import Analysis, write_analysis
from lpt.analysis.collect import Collected
from lpt.analysis.compute_analysis import compute_analysis
from lpt.analysis.logit_digest import ImageScores, score_images
from lpt.analysis.thumbnails import thumbnail_file
from lpt.config import RunConfig
from lpt.data.image_stores import MemoryStore
from lpt.data.manifest import Split
from lpt.files.atomic_files import write_json, write_text
from lpt.task import Task
from lpt.task_file import BackboneRecord, TaskSpec

WIDTH = 6
NAMES = ["<b>ant</b> & 'bee'", "cat", "</script><script>throw 1</script>", "dog", "untested"]


def scores_of(logits: object, labels: object, temperature: float = 1.0) -> ImageScores:
    return score_images(
        torch.tensor(logits, dtype=torch.float32), torch.tensor(labels), temperature
    )


class Prompts:
    """The parts of a model that analyses of features and scores use."""

    def __init__(self, pool: int) -> None:
        keys = torch.randn(pool, WIDTH, generator=torch.Generator().manual_seed(0))
        self.pool = type("Pool", (), {"keys": keys})()

    def eval(self) -> "Prompts":
        return self


def task_of(counts: list[int], *, names: list[str] | None = None, pool: int = 4) -> Task:
    spec = TaskSpec(
        name="sample",
        class_names=tuple(names or [f"class {i}" for i in range(len(counts))]),
        class_counts=tuple(counts),
        backbone=BackboneRecord(
            name="none",
            sha256="0" * 64,
            layer_norm_eps=1e-6,
            image_size=8,
            mean=(0.5, 0.5, 0.5),
            std=(0.5, 0.5, 0.5),
            interpolation="bicubic",
        ),
        shared_blocks=1,
        prompt_length=1,
        pool_size=pool,
        top_k=2,
        resize_rule="squash",
        resize=8,
        temperature=0.1,
    )
    return Task(Prompts(pool), spec)  # type: ignore[arg-type]


def collected_of(
    classes: int, labels: np.ndarray, *, seed: int = 0, skill: float = 0.6
) -> Collected:
    """Sample features around class centres, and cosines that favour the given class."""
    stream = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(classes, WIDTH))
    features = {
        name: (centres[labels] * strength + stream.normal(size=(len(labels), WIDTH))).astype("f4")
        for name, strength in (("plain", 0.5), ("phase1", 1.0), ("phase2", 2.0))
    }
    parts = []
    for part in np.array_split(np.arange(len(labels)), max(1, len(labels) * classes // 2**22)):
        logits = torch.from_numpy(stream.normal(scale=0.25, size=(len(part), classes)))
        own = torch.from_numpy(labels[part])
        logits[torch.arange(len(part)), own] += skill
        parts.append(score_images(logits.float(), own, 0.1))
    return Collected(features, ImageScores.concatenate(parts))


def opened_of(labels: np.ndarray) -> AnalysisData:
    everything = np.arange(len(labels), dtype=np.int64)
    store = MemoryStore("synthetic", (b"",) * len(labels))
    return AnalysisData("synthetic", Split("test", store, everything, labels), None, None, None)


def analysed(
    counts: list[int], labels: np.ndarray, *, names: list[str] | None = None, seed: int = 0
) -> Analysis:
    task = task_of(counts, names=names)
    images = collected_of(len(counts), labels, seed=seed)
    bank = collected_of(len(counts), np.arange(len(counts)), seed=seed + 1)
    return compute_analysis(task, opened_of(labels), images, bank, None, 1.0)[0]


def run_folder(path: Path, found: Analysis, *, seed: int = 0) -> Path:
    """Write a finished and analysed run, without weights."""
    shares = {"overall": 0.5125, "many": 0.75, "medium": 0.5, "few": 0.25, "macro": 0.45}
    metrics = []
    for stage in ("phase1", "phase2"):
        for epoch in range(3):
            val = {name: share + 0.01 * epoch for name, share in shares.items()}
            record = {"stage": stage, "epoch": epoch, "epochs": 3, "loss": 3.0 - epoch / 2}
            metrics.append(
                record | {"images_per_second": 40.0, "val": val | {"top5": None}, "seconds": 5.0}
            )
    write_text(path / "config.yaml", RunConfig(seed=seed).changed({"data.source": "x"}).to_yaml())
    write_text(path / "metrics.jsonl", "".join(json.dumps(m) + "\n" for m in metrics))
    command = ["lpt", "train", "x"]
    write_json(path / "environment.json", {"command": command, "lpt": "0", "cores": 2})
    results = {
        "metrics": {
            "phase1": {"test": shares | {"top5": None}},
            "phase2": {"test": {name: share + 0.1 for name, share in shares.items()}},
        },
        "task_bytes": 1_000_000,
        "prompt_parameters": 1000,
        "other_parameters": 100,
        "phase_seconds": {"phase1": 10.0, "phase2": 20.0},
        "peak_memory_bytes": 1_234_000_000,
    }
    write_json(path / "results.json", results)
    names, counts = zip(*((c.name, c.train_images) for c in found.classes), strict=True)
    spec = task_of(list(counts), names=list(names)).spec
    metadata = {"lpt_task": "1", "spec": spec.model_dump_json()}
    save_file({"nothing": torch.zeros(1)}, path / "task.safetensors", metadata)
    write_analysis(path / "analysis", found, found.confusions)
    for image in (*found.label_errors, *found.mistakes, *found.typical):
        file = thumbnail_file(path / "analysis", image.index)
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 32), (image.index % 256, 90, 60)).save(file)
    return path
