"""Images per second from files to answers, and from files to a trained epoch, in one run.

    uv pip install peft
    python -m tools.end_to_end OUT.json --images 128 --repeats 3

Writes photographs of noise (JPEG, 500 px), then runs every way once per round: timm's inference
loop, the bare forward pass over decoded images, and `Task.predict` with exact and early matching;
and one epoch of timm's training loop, of PEFT's LoRA, of LIFT and of both phases of lpt. Float32,
one process and its loading workers. An epoch of phase 2 has two mini-batches per step, so it
computes twice as many images; all rates are those of the data set. Weights are random: only the
speed means anything.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import timm
import torch
from PIL import Image
from timm.data import create_transform, resolve_model_data_config
from tools.end_to_end.others import bare_forward, timm_inference, training_epochs
from tools.gpu.epoch import class_sizes, write_images

import lpt
from lpt.bench.rounds import in_turn, machine_facts, median_ratio, spread
from lpt.files.atomic_files import write_json
from lpt.machine.allocator import reuse_memory

__all__ = ["main", "predicting", "training"]

SIDE = 500
CLASSES = 16
BATCH = 16
PREDICT_BATCH = 64
"""That of `lpt predict`."""


def _train(
    folder: Path, out: Path | None, backbone: str, workers: int, epochs: tuple[int, int]
) -> lpt.Task:
    return lpt.train(
        folder,
        backbone=f"random:{backbone}",
        out=out,
        device="cpu",
        settings={
            "data.val_fraction": 0,
            "data.test_fraction": 0,
            "data.workers": workers,
            "phase1.epochs": epochs[0],
            "phase2.epochs": epochs[1],
            "phase1.batch_size": BATCH,
            "phase2.batch_size": BATCH,
            "prompts.match": "early",
            "precision": "float32",
        },
    )


def predicting(
    folder: Path, place: Path, backbone: str, images: int, workers: int, repeats: int
) -> dict[str, list[float]]:
    """Seconds of each round of predicting a folder, by way."""
    model = timm.create_model(backbone).eval()
    transform: Any = create_transform(**resolve_model_data_config(model))
    files = sorted(folder.rglob("*.jpg"))
    pixels = torch.stack([transform(Image.open(path).convert("RGB")) for path in files])
    task = _train(folder, place / "trained", backbone, workers, (0, 1))
    ways = {
        "bare forward pass": bare_forward(model, pixels, PREDICT_BATCH),
        "timm inference": timm_inference(model, folder, PREDICT_BATCH, workers),
        "lpt, exact": lambda: task.predict(files, workers=workers, match="exact"),
        "lpt, early": lambda: task.predict(files, workers=workers, match="early"),
    }
    assert len(files) == images
    return in_turn(ways, repeats, "cpu")


def training(
    folder: Path, place: Path, backbone: str, counts: list[int], workers: int, repeats: int
) -> dict[str, list[float]]:
    """Seconds of one epoch in each round, by way. The first round, which warms up, is left out."""
    ways = training_epochs(backbone, folder, BATCH, workers, counts)
    seconds = in_turn(ways, repeats, "cpu")
    for number in range(repeats):
        run = place / f"run{number}"
        _train(folder, run, backbone, workers, (2, 2))
        records = [json.loads(line) for line in (run / "metrics.jsonl").open(encoding="utf-8")]
        last = {record["stage"]: record["seconds"] for record in records}
        for stage, name in (("phase1", "lpt, phase 1"), ("phase2", "lpt, phase 2")):
            seconds.setdefault(name, []).append(last[stage])
    return seconds


def main(arguments: list[str] | None = None) -> None:
    """Measure, print a table, and write the numbers as JSON."""
    parser = argparse.ArgumentParser(prog="end_to_end", description=(__doc__ or "").split("\n")[0])
    add = parser.add_argument
    add("out", type=Path)
    add("--backbone", default="vit_small_patch16_224", help="name of a ViT of timm")
    add("--images", type=int, default=128, help="about; in 16 classes")
    add("--workers", type=int, default=1, help="processes that load images, for every way")
    add("--repeats", type=int, default=3)
    asked = parser.parse_args(arguments)
    reuse_memory()  # as the commands of lpt do; the other ways gain from it, too
    with tempfile.TemporaryDirectory(prefix="lpt-files-") as scratch:
        place = Path(scratch)
        folder, counts = place / "photos", class_sizes(asked.images, CLASSES, imbalance=4)
        counts[0] += -sum(counts) % BATCH  # whole batches: loops treat the rest in their own ways
        write_images(folder, counts, SIDE)
        total, given = sum(counts), (asked.workers, asked.repeats)
        found = {
            "predict": predicting(folder, place, asked.backbone, total, *given),
            "train": training(folder, place, asked.backbone, counts, *given),
        }
    report = {
        "backbone": asked.backbone,
        "images": total,
        "workers": asked.workers,
        **{kind: _rates(kind, seconds, total) for kind, seconds in found.items()},
        **machine_facts("cpu"),
    }
    write_json(asked.out, report)
    json.dump(report, sys.stdout, indent=1)


BASE = {"predict": "timm inference", "train": "PEFT LoRA"}
"""The way that the others are compared with."""


def _rates(kind: str, seconds: dict[str, list[float]], images: int) -> dict[str, Any]:
    base = seconds[BASE[kind]]
    return {
        name: {
            "images_per_second": round(images / sorted(times)[len(times) // 2], 2),
            f"speed relative to {BASE[kind]}": round(median_ratio(base, times), 3),
            "spread": round(spread(times), 3),
        }
        for name, times in seconds.items()
    }


if __name__ == "__main__":
    main()
