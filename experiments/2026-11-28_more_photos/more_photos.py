"""What unlabelled photos are worth: pseudo-labels, and labels for the photos of lpt suggest.

    python more_photos.py SHARED WORK --seed 0 [--quarter 0] [--labelled-only]

SHARED holds caltech101. Every fourth class is used (--quarter says which), long-tailed: 30 training
images of the most frequent one, 2 of the rarest. The training images that this leaves out are the
unlabelled photos.
Phase 1 is trained once; then phase 2 without photos, and with pseudo-labels. Then 50 photos get
their right label, those of lpt suggest or random ones, and training goes on from the task with
them (--init-from, 2 + 1 epochs), and once without. Runs that WORK has are not trained again.
"""

import argparse
import csv
import shutil
from pathlib import Path

import numpy as np
import torch

import lpt
from lpt.api.suggest_photos import suggest_photos
from lpt.api.train_request import TrainRequest
from lpt.api.train_task import finish, prepare
from lpt.data.sampling import sample_per_class
from lpt.escape import csv_text
from lpt.files.atomic_files import write_text
from lpt.progress import SilentReporter
from lpt.task.run_result import read_result
from lpt.task_spec import PARAMETERS
from lpt.training.run.run_folder import RunFolder

MOST, FEWEST, TESTED, BUDGET = 30, 2, 10, 50
EPOCHS, FURTHER = (5, 4), (2, 1)


def write_photos(shared: str, seed: int, root: Path, quarter: int = 0) -> dict[str, str]:
    """Write class folders and the unlabelled photos; return the right class of each photo."""
    whole = lpt.open_data(f"{shared}/caltech101", val_fraction=0)
    chosen = np.arange(whole.num_classes)[quarter::4]
    noise, right = np.random.default_rng(seed), {}
    order = noise.permutation(chosen)
    sizes = {
        int(c): round(MOST * (FEWEST / MOST) ** (rank / (len(order) - 1)))
        for rank, c in enumerate(order)
    }
    test = whole.split("test")
    for part, split in (("train", whole.split("train")), ("test", test)):
        if part == "test":
            split = split.take(sample_per_class(split.labels, TESTED, seed))
        for c in map(int, chosen):
            own = noise.permutation(np.flatnonzero(split.labels == c))
            for number, index in enumerate(own.tolist()):
                labelled = part == "test" or number < sizes[c]
                name = f"{part}-{c}-{number}.webp"
                place = f"data/{part}/{whole.class_names[c]}" if labelled else "photos"
                if not labelled:
                    right[name] = whole.class_names[c]
                (root / place).mkdir(parents=True, exist_ok=True)
                (root / place / name).write_bytes(split.read(index))
    rows = [{"name": name, "class": label} for name, label in right.items()]
    write_text(root / "photos.csv", csv_text(rows))
    return right


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("shared")
    parser.add_argument("work", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quarter", type=int, default=0)
    parser.add_argument("--labelled-only", action="store_true", help="Train without photos only.")
    given = parser.parse_args()
    torch.set_num_threads(1)
    mark = str(given.seed) if not given.quarter else f"{given.seed}-quarter-{given.quarter}"
    home = given.work / f"caltech-{mark}"
    right = write_photos(given.shared, given.seed, home, given.quarter)
    print(lpt.open_data(home / "data"), len(right), "unlabelled", flush=True)
    rows = []

    def train(name: str, data: Path, epochs=EPOCHS, phase1: Path | None = None, **more) -> None:
        if not (home / name / "task.safetensors").is_file():
            settings = {"phase1.epochs": epochs[0], "phase2.epochs": epochs[1]}
            request = TrainRequest(
                data=data,
                out=home / name,
                settings={**settings, "data.val_fraction": 0.15},
                seed=given.seed,
                device="cpu",
                **more,
            )
            trainer = prepare(request, SilentReporter())
            if phase1 is not None:
                weights = RunFolder(phase1).load_best("phase1-selected")
                names = ("shared_prompts", "classifier")
                trainer.take_phase1({name: weights[PARAMETERS[name]] for name in names})
            finish(trainer)
        for phase, scores in read_result(home / name).metrics.items():
            row = {"seed": given.seed, "run": name, "phase": phase}
            row |= {k: v and round(100 * v, 2) for k, v in scores["test"].items()}
            rows.append(row)
            print(row, flush=True)
        write_text(given.work / f"runs_{mark}.csv", csv_text(rows))

    train("labelled", home / "data")
    if given.labelled_only:
        return
    base = lpt.load(home / "labelled", device="cpu")
    counts = dict(zip(base.class_names, base.spec.class_counts, strict=True))
    train("pseudo", home / "data", unlabelled=home / "photos", phase1=home / "labelled")
    with (home / "pseudo" / "pseudo_labels.csv").open() as stream:
        labels = [(row["label"], right[row["name"]]) for row in csv.DictReader(stream)]
    pseudo = []
    for group, low, high in (("20 or more", 20, 1000), ("5 to 19", 5, 19), ("4 or fewer", 0, 4)):
        mine = [(a, b) for a, b in labels if low <= counts[a] <= high]
        pool = [b for b in right.values() if low <= counts[b] <= high]
        pseudo.append(
            {
                "seed": given.seed,
                "training images of the class": group,
                "photos": len(pool),
                "pseudo-labels": len(mine),
                "right": sum(a == b for a, b in mine),
            }
        )
    write_text(given.work / f"pseudo_{mark}.csv", csv_text(pseudo))
    photos = sorted((home / "photos").iterdir())
    rare = set(sorted(counts, key=lambda name: counts[name])[: len(counts) // 3])
    noise = np.random.default_rng(given.seed)
    picks = {
        "suggested": [Path(one.name) for one in suggest_photos(base, photos, BUDGET)],
        "random": [photos[i] for i in noise.choice(len(photos), BUDGET, replace=False)],
    }
    found = []
    for name, paths in picks.items():
        kinds = [right[path.name] for path in paths]
        found.append(
            {
                "seed": given.seed,
                "choice": name,
                "photos": len(paths),
                "classes": len(set(kinds)),
                "of the rarest third": sum(kind in rare for kind in kinds),
            }
        )
        write_text(given.work / f"picks_{mark}.csv", csv_text(found))
    share = sum(kind in rare for kind in right.values()) / len(right)
    print("share of the rarest third among the photos", round(share, 3), flush=True)
    train("trained on", home / "data", FURTHER, init_from=home / "labelled")
    for name, paths in picks.items():
        shutil.copytree(home / "data", home / f"data-{name}", dirs_exist_ok=True)
        for path in paths:
            shutil.copy(path, home / f"data-{name}" / "train" / right[path.name])
        train(name, home / f"data-{name}", FURTHER, init_from=home / "labelled")


if __name__ == "__main__":
    main()
