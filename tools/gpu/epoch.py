"""Train both phases at the size of a real run, and measure how fast files become steps.

    python -m tools.gpu.epoch OUT.json --device cuda

Writes JPEG files of 256 px with the class sizes of CIFAR100-LT (imbalance 100), trains an epoch of
each phase, and prints images per second, the share of time that waits for images, and the minutes
of both phases of 40 epochs at this rate. Images are noise and the weights are random: only the
speed means anything.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import lpt
from lpt.bench.rounds import machine_facts
from lpt.files.atomic_files import write_json
from lpt.machine.devices import choose_device

__all__ = ["class_sizes", "main", "measure", "write_images"]

SIDE = 256
EPOCHS = 40
"""Of each phase in the paper."""


def class_sizes(images: int, classes: int = 100, imbalance: float = 100) -> list[int]:
    """Exponentially falling class sizes that add up to about `images`, each at least 2."""
    steps = np.arange(classes) / max(classes - 1, 1)
    shares = imbalance**-steps
    return [max(2, round(float(n))) for n in images * shares / shares.sum()]


def write_images(folder: Path, sizes: list[int], side: int = SIDE) -> None:
    """Write noise as JPEG files, a folder per class; smooth enough to compress like photographs.

    Args: side: height and width in pixels.
    """
    random = np.random.default_rng(0)
    for label, count in enumerate(sizes):
        place = folder / f"class{label:03d}"
        place.mkdir(parents=True)
        for i in range(count):
            coarse = random.integers(0, 256, (side // 8, side // 8, 3), dtype=np.uint8)
            image = Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)
            image.save(place / f"{i:04d}.jpg", quality=90)


def measure(
    backbone: str, images: int, classes: int, device: str | None, settings: dict[str, Any]
) -> dict[str, Any]:
    """Train two epochs of each phase; the second one counts, since the first one warms up.

    Returns: images per second and share of waiting by phase, and what the paper's 40 epochs take.
    """
    with tempfile.TemporaryDirectory(prefix="lpt-epoch-") as place:
        folder, run = Path(place) / "photos", Path(place) / "run"
        sizes = class_sizes(images, classes)
        write_images(folder, sizes)
        lpt.train(
            folder,
            backbone=backbone,
            out=run,
            device=device,
            settings={
                "data.val_fraction": 0,
                "data.test_fraction": 0,
                "phase1.epochs": 2,
                "phase2.epochs": 2,
                **settings,
            },
        )
        lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
        records = [json.loads(line) for line in lines]
    last = {record["stage"]: record for record in records}
    trained = sum(sizes)
    minutes = sum(EPOCHS * record["seconds"] / 60 for record in last.values())
    return {
        "backbone": backbone,
        "images": trained,
        "classes": classes,
        "images_per_second": {k: record["images_per_second"] for k, record in last.items()},
        "waiting_share": {k: record["loading_share"] for k, record in last.items()},
        "seconds_per_epoch": {k: record["seconds"] for k, record in last.items()},
        "minutes_of_40_epochs_per_phase": minutes,
        "settings": settings,
        **machine_facts(str(choose_device(device))),
    }


def main(arguments: list[str] | None = None) -> None:
    """Measure, and write the numbers as JSON."""
    parser = argparse.ArgumentParser(prog="epoch", description=(__doc__ or "").split("\n")[0])
    add = parser.add_argument
    add("out", type=Path)
    add("--backbone", default="random:vit_base_patch16_224")
    add("--images", type=int, default=10_847, help="about; those of CIFAR100-LT by default")
    add("--classes", type=int, default=100)
    add("--batch", type=int, default=128, help="per branch; phase 2 computes two branches")
    add("--workers", type=int, default=16)
    add("--precision", default="bf16")
    add("--compile", default="off", choices=("off", "on", "auto"))
    add("--device", default=None)
    asked = parser.parse_args(arguments)
    settings = {
        "phase1.batch_size": asked.batch,
        "phase2.batch_size": asked.batch,
        "data.workers": asked.workers,
        "precision": asked.precision,
        "compile": asked.compile,
    }
    found = measure(asked.backbone, asked.images, asked.classes, asked.device, settings)
    write_json(asked.out, found)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
