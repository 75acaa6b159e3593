"""Write a data set to choose the default recipe on: no final run ever sees its scored images.

    python experiments/2026-11-23_default_losses/holdout.py tiny-imagenet-b OUT

Training images are those of lists/lt100-small.csv; what is scored are 25 training images a class
that the list leaves out. Test images are in neither.
"""

import csv
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

LIST = "lists/lt100-small.csv"
PER_CLASS = 25


def main(data: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    with (data / LIST).open(encoding="utf-8", newline="") as file:
        listed = list(csv.DictReader(file))
    taken = {(row["file"], int(row["row"])) for row in listed}
    names = {int(row["label"]): row["label_name"] for row in listed}
    free: dict[int, list[tuple[str, int]]] = {label: [] for label in names}
    for part in sorted(data.glob("train-*.parquet")):
        link = out / part.name
        if not link.exists():
            link.symlink_to(part.resolve())
        labels = pq.read_table(part, columns=["label"]).column("label").to_pylist()
        for row, label in enumerate(labels):
            if (part.name, row) not in taken:
                free[label].append((part.name, row))
    rng = np.random.default_rng(0)
    with (out / "holdout.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "row", "label", "label_name", "split"])
        for row in listed:
            writer.writerow([row["file"], row["row"], row["label"], row["label_name"], "train"])
        for label, rows in sorted(free.items()):
            for pick in rng.choice(len(rows), PER_CLASS, replace=False):
                writer.writerow([*rows[pick], label, names[label], "test"])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
