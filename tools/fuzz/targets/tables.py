"""Parquet files."""

import random
from pathlib import Path

import numpy as np
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
        if rng.random() < 0.1:
            self._repeated(rng, path)
            return
        group = rng.choice([1, 4, rows])
        pq.write_table(pa.table(columns), path, row_group_size=group)
        if rng.random() < 0.6:
            path.write_bytes(damaged(rng, path.read_bytes()))

    @staticmethod
    def _repeated(rng: random.Random, path: Path) -> None:
        """Few bytes that stand for many rows, or for a large image many times."""
        rows = rng.choice([100, 10_000, 2_000_000])
        if rng.random() < 0.5 or rows > 10_000:
            parts: list[pa.Array] = [pa.nulls(rows, pa.binary()), pa.nulls(rows, pa.string())]
            image = pa.StructArray.from_arrays(parts, ["bytes", "path"])
        else:
            size = rng.choice([1, 2**16, 2**20])
            places = pa.array([0] * rows, pa.int32())
            image = pa.DictionaryArray.from_arrays(places, pa.array([picture(0) + bytes(size)]))
        table = pa.table({"image": image, "label": pa.nulls(rows, pa.int8())})
        if rng.random() < 0.7:
            table = table.set_column(1, "label", pa.array(np.arange(rows) % 2))
        group = rng.choice([rows // 10, rows])
        with pq.ParquetWriter(path, table.schema, store_schema=rng.random() < 0.5) as writer:
            writer.write_table(table, row_group_size=group)

    def load(self, folder: Path) -> None:
        """Open the table and read every image."""
        for split in lpt.open_data(str(folder / "data.parquet")).splits.values():
            for index in range(len(split)):
                split.read(index)
