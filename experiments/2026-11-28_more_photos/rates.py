"""Learning rates of a run that starts from a task, compared on photos that no test set holds.

    python rates.py CALTECH

CALTECH is the folder of a finished more_photos.py (WORK/caltech-0). The task is trained further
with 50 random photos more (--init-from, 2 + 1 epochs) at shares of the default learning rates, and
scored on the other left-out training images.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
import torch

import lpt
from lpt.escape import csv_text
from lpt.files.atomic_files import write_text

RATES = {
    "phase1.optim.lr": 0.03,
    "phase1.optim.classifier_lr": 0.009,
    "phase2.optim.lr": 0.0015,
    "phase2.optim.classifier_lr": 0.0005,
    "phase2.optim.key_lr": 0.03,
}
SHARES = (1.0, 0.3, 0.1, 0.03)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("home", type=Path)
    home = parser.parse_args().home
    torch.set_num_threads(1)
    with (home / "photos.csv").open(newline="") as stream:
        right = {row["name"]: row["class"] for row in csv.DictReader(stream)}
    used = {path.name for path in (home / "data-random" / "train").rglob("*.webp")}
    photos = [path for path in sorted((home / "photos").iterdir()) if path.name not in used]
    base, rows = lpt.load(home / "labelled", device="cpu"), []
    counts = dict(zip(base.class_names, base.spec.class_counts, strict=True))

    def score(share: float, task: lpt.Task) -> None:
        found = [one.labels[0] for one in task.predict(photos)]
        hit = np.array([right[p.name] == label for p, label in zip(photos, found, strict=True)])
        few = np.array([counts[right[path.name]] < 10 for path in photos])
        row = {"share of the rates": share, "photos": len(photos)}
        row |= {"accuracy": round(100 * hit.mean(), 2), "rare": round(100 * hit[few].mean(), 2)}
        rows.append(row)
        print(row, flush=True)
        write_text(home.parent / "rates.csv", csv_text(rows))

    score(0.0, base)
    for share in SHARES:
        out = home / f"rate-{share}"
        settings = {"phase1.epochs": 2, "phase2.epochs": 1, "data.val_fraction": 0.15}
        settings |= {name: share * rate for name, rate in RATES.items()}
        start = home / "labelled"
        lpt.train(
            home / "data-random",
            out=out,
            init_from=start,
            settings=settings,
            seed=0,
            device="cpu",
        )
        score(share, lpt.load(out, device="cpu"))


if __name__ == "__main__":
    main()
