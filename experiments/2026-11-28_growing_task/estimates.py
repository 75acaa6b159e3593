"""Estimates of class frequencies compared on images that no test set holds.

    python estimates.py CALTECH ...

CALTECH is a folder of experiments/2026-11-28_more_photos/more_photos.py (WORK/caltech-0): a task,
and training images that its long-tailed list leaves out. At most 20 of each class are drawn under
several distributions; "all images" are all that are left out. `lpt.evaluation.chosen_prior` takes
its two bounds from this table, which is written to estimates.csv in the working directory.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
import torch
from in_use import sets_of
from scipy.special import softmax

import lpt
from lpt.escape import csv_text
from lpt.evaluation.chosen_prior import choose_prior, estimate_tail
from lpt.evaluation.priors import (
    adjust_to_prior,
    effective_prior,
    estimate_prior,
    estimate_prior_by_confusion,
)
from lpt.files.atomic_files import write_text

MOST, DRAWS = 20, 10


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def likelihood(values: np.ndarray, source: np.ndarray, target: np.ndarray) -> float:
    return float(np.log(np.maximum(values @ (target / source), 1e-300)).mean())


def half(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Geometric mean of two priors."""
    mixed = np.sqrt(np.maximum(one, 1e-9) * other)
    return mixed / mixed.sum()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", nargs="+", type=Path)
    torch.set_num_threads(1)
    rows = []
    for folder in parser.parse_args().folders:
        task = lpt.load(folder / "labelled", device="cpu")
        whole = lpt.open_data(
            folder / "data", val_fraction=0.15, seed=int(folder.name.split("-")[1])
        )
        assert whole.class_names == task.class_names
        right = {row["name"]: row["class"] for row in read(folder / "photos.csv")}
        paths = sorted((folder / "photos").iterdir())
        labels = np.array([task.class_names.index(right[path.name]) for path in paths])
        values = task.predict_proba(paths).astype(np.float64)
        known = task.run(whole.split("val"))
        at_val = softmax(known.logits / task.spec.temperature, axis=1)
        counts = np.array(task.spec.class_counts)
        source = effective_prior(counts, task.spec.prior_power)
        everything = ("all images", 0, np.arange(len(labels)))
        for title, draw, kept in (*sets_of(labels, counts, DRAWS, MOST), everything):
            mine, true = values[kept], labels[kept]
            free = estimate_prior(mine, source).prior
            exponent, tail = estimate_tail(mine, source, counts)
            chosen = choose_prior(mine, source, counts)
            none = likelihood(mine, source, source)
            row = {
                "task": folder.name,
                "distribution": title,
                "draw": draw,
                "images": len(kept),
                "exponent": round(exponent, 2),
                "gain of exponent": round(likelihood(mine, source, tail) - none, 4),
                "gain of EM": round(likelihood(mine, source, free) - none, 4),
                "chosen": chosen.follows,
            }
            priors = {
                "as trained": source,
                "exponent": tail,
                "EM": free,
                "half of EM": half(free, source),
                "BBSE": estimate_prior_by_confusion(mine, at_val, known.labels).prior,
                "estimate": chosen.prior,
                "true": np.bincount(true, minlength=len(counts)) / len(true),
            }
            for name, prior in priors.items():
                found = adjust_to_prior(mine, source, prior).argmax(axis=1)
                row[f"accuracy: {name}"] = round(100 * float((found == true).mean()), 2)
            rows.append(row)
    write_text(Path("estimates.csv"), csv_text(rows))


if __name__ == "__main__":
    main()
