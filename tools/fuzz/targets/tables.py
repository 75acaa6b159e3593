"""Parquet files."""

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from tools.fuzz.mutations import TEXTS, damaged
from tools.fuzz.samples import picture

import lpt

__all__ = ["Parquet"]

LABELS = (
    [0, 1],
    ["ant", "bee"],
    [0.0, 1.0],
    [-1, 1],
    [None, 1],
    [2**40, 1],
    ["1", "01"],
    [True, False],
    [[1], [2]],
    [float("nan"), 1.0],
)


class Parquet:
    """Tables of images with labels and splits of odd types, and damage to the file."""

    name = "parquet"

    def make(self, rng: random.Random, folder: Path) -> None:
        """Write data.parquet."""
        labels = rng.choice(LABELS) if rng.random() < 0.5 else LABELS[rng.randrange(2)]
        rows = 12
        images: list[object] = [{"bytes": picture(i), "path": f"{i}.png"} for i in range(rows)]
        if rng.random() < 0.2:
            images[rng.randrange(rows)] = rng.choice([None, {"bytes": None, "path": "x"}])
        if rng.random() < 0.1:
            images = [picture(i) for i in range(rows)]
        columns = {"image": images, "label": [labels[i % 2] for i in range(rows)]}
        if rng.random() < 0.5:
            kinds = (["train", "test"], [0, 1], [True, False], [["train"], ["test"]], list(TEXTS))
            split = rng.choice(kinds)
            columns[rng.choice(["split", "fold", "Split"])] = [split[i % 2] for i in range(rows)]
        path = folder / "data.parquet"
        group = rng.choice([1, 4, rows])
        pq.write_table(pa.table(columns), path, row_group_size=group)
        if rng.random() < 0.6:
            path.write_bytes(damaged(rng, path.read_bytes()))

    def load(self, folder: Path) -> None:
        """Open the table and read every image."""
        for split in lpt.open_data(str(folder / "data.parquet")).splits.values():
            for index in range(len(split)):
                split.read(index)
