"""Sets nested in listed training images, to choose settings without looking at test images.

    python -m tools.nested TINY_IMAGENET_B lists/lt100-small.csv OUT --sets 4
    lpt study ROWS.yaml --data OUT/nested0 --lrs x1 --seeds 1 --epochs 10 --out OUT/studies0
    python -m tools.nested --table OUT/studies0/ROWS.json OUT/studies1/ROWS.json

Images held out of a long-tailed list come from its frequent classes, so they say nothing about
rare ones. Here the classes with 22 listed images or more get a new tail, 100 images down to 2,
with classes in an order drawn by the number of the set. Up to 60 of their other listed images are
the set's test images. The data's own test images, and images that the list leaves out, are never
opened.
"""

import argparse
import csv
import json
from collections import defaultdict
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["main", "mean_table", "write_set"]

LEAST, KEPT, SCORED = 22, 15, 60
"""Listed images that a class needs; those kept for scoring at least, and at most."""
LARGEST, SMALLEST = 100, 2
"""Training images of the most frequent and of the rarest class."""

COLUMNS = ("overall", "many", "medium", "few", "macro")


def write_set(source: Path, listed: Path, number: int, out: Path) -> Path:
    """Write train.parquet and test.parquet of a set, and return their folder.

    Args:
        source: folder of Parquet files with a column `image`.
        listed: CSV with columns file, row and label_name; relative to `source`.
        number: of the set; seeds its draw.
        out: parent of the folder; a set that is there is kept.
    """
    folder = out / f"nested{number}"
    if (folder / "test.parquet").is_file():
        return folder
    by_class: dict[str, list[tuple[str, int]]] = defaultdict(list)
    with (source / listed).open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            by_class[row["label_name"]].append((row["file"], int(row["row"])))
    names = [name for name, own in by_class.items() if len(own) >= LEAST]
    names.sort(key=lambda name: -len(by_class[name]))
    draw = np.random.default_rng(number)
    draw.permutation(len(names))  # sets on record drew an order that nothing used
    steps = np.arange(len(names)) / (len(names) - 1)
    tail = np.round(LARGEST * (SMALLEST / LARGEST) ** steps).astype(int)
    files = {file for own in by_class.values() for file, _ in own}
    images = {file: pq.read_table(source / file, columns=["image"]) for file in sorted(files)}
    parts: dict[str, list[dict[str, Any]]] = {"train": [], "test": []}
    for label, index in enumerate(draw.permutation(len(names))):
        own = by_class[names[index]]
        order = [own[i] for i in draw.permutation(len(own))]
        count = min(int(tail[label]), len(own) - KEPT)
        for split, chosen in (("train", order[:count]), ("test", order[count : count + SCORED])):
            for file, row in chosen:
                image = images[file].column("image")[row].as_py()
                parts[split].append({"image": image, "label": label, "label_name": names[index]})
    folder.mkdir(parents=True, exist_ok=True)
    for split, rows in parts.items():
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{split}.parquet")
    return folder


def mean_table(tables: list[Path]) -> str:
    """Mean accuracy of each row over studies of the same rows on several sets, in percent."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for path in tables:
        for row in json.loads(path.read_text(encoding="utf-8"))["rows"]:
            for column in COLUMNS:
                if (score := row["scores"].get(column)) is not None:
                    found[row["label"]][column].append(100 * score["mean"])
    width = max(map(len, found))
    lines = [f"{'':<{width}} sets " + "".join(f"{c:>9}" for c in COLUMNS)]
    for label, values in found.items():
        sets = max(map(len, values.values()))
        cells = (f"{mean(values[c]):9.2f}" if values[c] else f"{'':>9}" for c in COLUMNS)
        lines.append(f"{label:<{width}} {sets:4} " + "".join(cells))
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Write sets, or print a table over them."""
    parser = argparse.ArgumentParser(prog="nested", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("paths", type=Path, nargs="+", help="DATA LIST OUT; with --table: JSON")
    parser.add_argument("--sets", type=int, default=4)
    parser.add_argument("--table", action="store_true", help="mean over the tables of studies")
    asked = parser.parse_args(arguments)
    if asked.table:
        print(mean_table(asked.paths))
        return
    if len(asked.paths) != 3:
        parser.error("give DATA, LIST and OUT")
    source, listed, out = asked.paths
    for number in range(asked.sets):
        print(write_set(source, listed, number, out))


if __name__ == "__main__":
    main()
