"""Parquet files."""

import io
import random
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tools.fuzz.damaged_parquet import damaged_footer, damaged_page
from tools.fuzz.lying_parquet import LIES, lying
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
CODECS = ("none", "snappy", "zstd", "gzip")


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
        chance = rng.random()
        if chance < 0.1:
            path.write_bytes(_repeated(*_choices(rng)))
            return
        if chance < 0.2:
            data = lying(rng.choice(list(LIES)))
            path.write_bytes(damaged(rng, data) if rng.random() < 0.5 else data)
            return
        group = rng.choice([1, 4, rows])
        options = {"compression": rng.choice(CODECS), "data_page_version": rng.choice("12") + ".0"}
        pq.write_table(pa.table(columns), path, row_group_size=group, **options)
        if rng.random() < 0.7:
            change = rng.choice([damaged, damaged_footer, damaged_page])
            path.write_bytes(change(rng, path.read_bytes()))

    def load(self, folder: Path) -> None:
        """Open the table and read every image."""
        for split in lpt.open_data(str(folder / "data.parquet")).splits.values():
            for index in range(len(split)):
                split.read(index)


def _choices(rng: random.Random) -> tuple[int, int | None, bool, int, bool]:
    rows = rng.choice([100, 10_000, 2_000_000])
    size = None if rng.random() < 0.5 or rows > 10_000 else rng.choice([1, 2**16, 2**20])
    return rows, size, rng.random() < 0.7, rng.choice([rows // 10, rows]), rng.random() < 0.5


@cache
def _repeated(rows: int, size: int | None, labelled: bool, group: int, schema: bool) -> bytes:
    """Few bytes that stand for many rows, or for a large image many times."""
    if size is None:
        parts: list[pa.Array] = [pa.nulls(rows, pa.binary()), pa.nulls(rows, pa.string())]
        image = pa.StructArray.from_arrays(parts, ["bytes", "path"])
    else:
        places = pa.array([0] * rows, pa.int32())
        image = pa.DictionaryArray.from_arrays(places, pa.array([picture(0) + bytes(size)]))
    table = pa.table({"image": image, "label": pa.nulls(rows, pa.int8())})
    if labelled:
        table = table.set_column(1, "label", pa.array(np.arange(rows) % 2))
    stream = io.BytesIO()
    with pq.ParquetWriter(stream, table.schema, store_schema=schema) as writer:
        writer.write_table(table, row_group_size=group)
    return stream.getvalue()
