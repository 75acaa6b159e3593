"""Time and memory of everything that grows with the number of images, without image files.

    python -m tools.scale.millions OUT.csv --images 10000 100000 1000000 10000000 --classes 50000

A Parquet file with a row per image is written, whose image column holds one byte: opening a data
set reads labels only. Class sizes fall as a power of the rank, by 1000 from the first to the last.
Each size is measured in a process of its own. Seconds are those of the processor, so other programs
hardly change them; memory is the peak of a step above what the process held before it.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lpt.data.longtail import long_tailed, profile_counts
from lpt.data.sampling import SAMPLERS, sample_epoch, sample_per_class
from lpt.data.sources.open_data import open_data
from lpt.data.splitting import hold_out
from lpt.evaluation import evaluate
from lpt.machine.devices import peak_memory, reset_peak_memory
from lpt.machine.free_memory import resident_memory
from lpt.records import Predictions
from lpt.training.engine.sampling_plan import EpochPlan
from lpt.training.run.data_identity import data_identity, files_identity

__all__ = ["main", "measure", "write_rows"]

IMBALANCE = 1000
LOGITS = 2**27
"""Numbers in the logits that are scored: 0.5 GB, for as many images as that gives."""
ROWS = 2**17
"""Rows per group of the Parquet file."""


def labels_of(images: int, classes: int) -> np.ndarray:
    """Labels of a power law, shuffled; about as many as asked for."""
    most = min(classes, images // 4)
    shape = profile_counts("pareto", num_classes=most, largest=10**6, imbalance=IMBALANCE)
    counts = np.maximum(1, np.round(shape / shape.sum() * images)).astype(np.int64)
    labels = np.repeat(np.arange(most), counts)
    return np.random.default_rng(0).permutation(labels)


def write_rows(path: Path, labels: np.ndarray) -> None:
    """Write a Parquet file with these labels."""
    schema = pa.schema([("image", pa.binary()), ("label", pa.int64())])
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, len(labels), ROWS):
            some = labels[start : start + ROWS]
            images = pa.array([b"x"] * len(some), pa.binary())
            writer.write_table(pa.table([images, pa.array(some)], schema=schema))


def measure(path: Path, images: int, classes: int) -> list[dict[str, Any]]:
    """Measure every step on a file that `write_rows` wrote."""
    rows: list[dict[str, Any]] = []

    def timed(step: str, do: Callable[[], Any]) -> Any:
        reset_peak_memory("cpu")
        before, began = resident_memory() or 0, time.process_time()
        result = do()
        seconds = time.process_time() - began
        megabytes = max(0, peak_memory("cpu") - before) / 1e6
        rows.append(
            {
                "images": images,
                "classes": classes,
                "step": step,
                "seconds": f"{seconds:.3f}",
                "megabytes": f"{megabytes:.0f}",
            }
        )
        return result

    data = timed("open", lambda: open_data(str(path)))
    split = data.split("train")
    timed("identity", lambda: (data_identity(data), files_identity(data)))
    timed("hold out", lambda: hold_out(split.labels, fraction=0.1, seed=0))
    timed("long-tailed", lambda: long_tailed(data, imbalance=100, seed=0))
    timed("some of each class", lambda: sample_per_class(split.labels, 20, 0))
    for name in SAMPLERS:
        sample = partial(sample_epoch, name, split.labels, seed=0, phase=0, epoch=0)
        timed(f"sampler {name}", sample)
    plan = EpochPlan(split.labels, ("class-cycle", "instance"), 256, 1, 0, 0)
    timed("draws of an epoch", lambda: sum(len(step) for step in plan.draws_from(0, 0)))
    count = max(1, min(len(split), LOGITS // data.num_classes))
    logits = np.random.default_rng(1).standard_normal((count, data.num_classes), dtype=np.float32)
    found = Predictions(logits, split.labels[:count])
    timed(f"metrics of {count} images", lambda: evaluate(found, data.counts()))
    return rows


def main() -> None:
    """Measure all sizes and write a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--images", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--classes", type=int, default=50_000)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one is not None:
        labels = np.array(pq.read_table(given.out, columns=["label"])["label"])
        print(json.dumps(measure(given.out, given.one, int(labels.max()) + 1)))
        return
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for images in given.images:
            path = Path(folder) / f"{images}.parquet"
            write_rows(path, labels_of(images, given.classes))
            command = [sys.executable, "-m", "tools.scale.millions", str(path), "--one"]
            done = subprocess.run(
                [*command, str(images)], stdout=subprocess.PIPE, text=True, check=True
            )
            rows += json.loads(done.stdout)
            path.unlink()
            with given.out.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)


if __name__ == "__main__":
    main()
