"""Classes added without training, and runs that start from a task: what they reach and cost.

    python grow.py tiny|fashion SHARED WORK --seed 0

SHARED holds tiny-imagenet-b and fashion-products. "tiny" is half of the classes of lt100-small
(every second by frequency). "fashion" is every fourth class with 4 test images and 10 training
images or more, cut to a tail of 40 to 8 training images. Five classes with 20 images or more are
held out ("new"). Runs are kept in WORK and resumed there.
"""

import argparse
import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from lpt.config import load_config
from lpt.data.manifest import Manifest, Split
from lpt.data.sampling import sample_per_class
from lpt.data.sources.open_data import open_data
from lpt.progress import SilentReporter
from lpt.task import Task, load
from lpt.task.editing.place_class import OldImages, place_class
from lpt.training.phases.task_start import TaskStart
from lpt.training.run.run_folder import RunFolder
from lpt.training.run.training_context import TrainingContext
from lpt.training.trainer import Trainer

SHOTS = (1, 5, 20)
MOST, FEWEST = 40, 8
"""Training images of the largest and the smallest class of fashion-products."""

DRAWS = 5
"""Draws of the photos of a new class."""


def only(data: Manifest, names: list[str]) -> Manifest:
    """Return the data of some classes."""
    place = {name: i for i, name in enumerate(names)}
    index = np.array([place.get(name, -1) for name in data.class_names])
    splits = {}
    for name, split in data.splits.items():
        kept = split.take(np.flatnonzero(index[split.labels] >= 0))
        splits[name] = replace(kept, labels=index[kept.labels])
    return replace(data, class_names=tuple(names), splits=splits)


def chosen_data(name: str, shared: str, seed: int) -> Manifest:
    """Open the classes of an experiment."""
    if name == "tiny":
        whole = open_data(f"{shared}/tiny-imagenet-b:list=lists/lt100-small.csv", seed=seed)
        known, step = np.arange(whole.num_classes), 2
    else:
        whole = open_data(f"{shared}/fashion-products", seed=seed)
        known = np.flatnonzero((whole.counts("test") >= 4) & (whole.counts("train") >= 10))
        step = 4
    order = known[np.argsort(-whole.counts("train")[known], kind="stable")][::step]
    data = only(whole, [whole.class_names[i] for i in sorted(order)])
    return data if name == "tiny" else long_tailed(data, seed)


def long_tailed(data: Manifest, seed: int) -> Manifest:
    """Cut training images to a tail, and validation images to a sixth of them."""
    counts, noise = data.counts("train"), np.random.default_rng(seed)
    order, splits = np.argsort(-counts, kind="stable"), dict(data.splits)
    for rank, c in enumerate(order):
        most = round(MOST * (FEWEST / MOST) ** (rank / (len(order) - 1)))
        for name, number in (("train", most), ("val", max(1, most // 6))):
            labels = splits[name].labels
            own = noise.permutation(np.flatnonzero(labels == c))
            left = np.setdiff1d(np.arange(len(labels)), own[number:])
            splits[name] = splits[name].take(left)
    return replace(data, splits=splits)


def train(data: Manifest, folder: Path, seed: int, epochs: tuple[int, int], start=None) -> Task:
    """Train in a folder, or resume or load what was trained there."""
    if (folder / "task.safetensors").is_file():
        return load(folder, device="cpu")
    settings = {"phase1.epochs": epochs[0], "phase2.epochs": epochs[1], "seed": seed}
    config = load_config("default").changed({**settings, "data.source": data.name})
    run = RunFolder(folder)
    begun = run.config_file.is_file()
    if begun:
        config = run.open()
    context = TrainingContext(config, SilentReporter(), device="cpu", data=data)
    trainer = Trainer(context, run)
    if start is not None:
        trainer.phases = TaskStart.read(start).prepare(context, trainer.model, trainer.phases)
    if begun:
        run.check_identity(trainer.identity())
    else:
        run.create(trainer.config, trainer.identity())
    try:
        return trainer.run()[0]
    finally:
        run.release()


def look(task: Task, split: Split) -> OldImages:
    """Compute features and cosines."""
    features = []

    def model(batch):
        output = task.model.predict(batch)
        features.append(output.feature.float().numpy())
        return output

    found = task.run(split, model=model)
    return OldImages(np.concatenate(features), found.logits, found.labels)


def cosines(images: OldImages, direction: np.ndarray) -> np.ndarray:
    unit = images.features / np.linalg.norm(images.features, axis=1, keepdims=True)
    return unit @ direction


def add(base: Task, data: Manifest, old: list[str], new: list[str], seed: int) -> list[dict]:
    """Add each new class alone, with each number of photos, and score it on test images."""
    known, fresh = only(data, old), only(data, new)
    train_split = known.split("train")
    reference = look(base, train_split.take(sample_per_class(train_split.labels, 20, 0)))
    val = look(base, known.split("val"))
    test, photos, unseen = (
        look(base, s) for s in (known.split("test"), fresh.split("train"), fresh.split("test"))
    )
    right = test.cosines.argmax(axis=1) == test.labels
    rows = []
    for shrinkage in (1.0, 0.6, 0.3):
        for shots in SHOTS:
            for draw in range(DRAWS if shots < 20 else 1):
                for label, name in enumerate(new):
                    own = np.flatnonzero(photos.labels == label)
                    some = np.random.default_rng((seed, draw, label)).permutation(own)[:shots]
                    placed = place_class(
                        photos.features[some],
                        photos.cosines[some],
                        reference,
                        val,
                        most_lost=0.01,
                        shrinkage=shrinkage,
                    )
                    mine = unseen.labels == label
                    at_new = cosines(unseen, placed.direction)[mine]
                    kept = cosines(test, placed.direction) <= test.cosines.max(axis=1)
                    rows.append(
                        {
                            "seed": seed,
                            "class": name.partition(" [")[0],
                            "shrinkage": shrinkage,
                            "photos": shots,
                            "draw": draw,
                            "new": float((at_new > unseen.cosines[mine].max(axis=1)).mean()),
                            "old before": float(right.mean()),
                            "old after": float((right & kept).mean()),
                        }
                    )
    return rows


def score(task: Task, data: Manifest, new: list[str]) -> dict[str, float]:
    """Accuracy on all test images, on those of old classes and on those of new ones."""
    found = task.run(data.split("test"))
    right = found.logits.argmax(axis=1) == found.labels
    is_new = np.isin(found.labels, [data.class_names.index(name) for name in new])
    macro = np.mean([right[found.labels == c].mean() for c in np.unique(found.labels)])
    return {
        "overall": float(right.mean()),
        "macro": float(macro),
        "old": float(right[~is_new].mean()),
        "new": float(right[is_new].mean()),
    }


def full(task: Task, data: Manifest, old: list[str], new: list[str]) -> list[dict]:
    """Accuracy of each new class among the old ones and itself, if it was trained."""
    found = task.run(data.split("test"))
    rows, places = [], [data.class_names.index(name) for name in old]
    for name in new:
        own = data.class_names.index(name)
        mine = found.logits[found.labels == own]
        rate = float((mine[:, own] > mine[:, places].max(axis=1)).mean())
        rows.append({"class": name.partition(" [")[0], "new": rate})
    return rows


def write(path: Path, rows: list[dict]) -> None:
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        for row in rows:
            cells = {
                k: f"{100 * v:.2f}" if isinstance(v, float) and k not in ("shrinkage",) else v
                for k, v in row.items()
            }
            writer.writerow(cells)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", choices=("tiny", "fashion"))
    parser.add_argument("shared")
    parser.add_argument("work", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=int, default=3, help="Further runs than the task itself.")
    parser.add_argument("--epochs", type=int, nargs=2, default=(4, 3))
    given = parser.parse_args()
    torch.set_num_threads(1)
    seed, epochs = given.seed, tuple(given.epochs)
    data = chosen_data(given.data, given.shared, seed)
    counts, names = data.counts("train"), data.class_names
    large = [i for i in np.argsort(-counts, kind="stable") if counts[i] >= 20]
    new = [names[i] for i in large[2 + seed :: max(1, len(large) // 5)][:5]]
    old = [name for name in names if name not in new]
    print(data, [(n, int(counts[names.index(n)])) for n in new], flush=True)
    given.work.mkdir(parents=True, exist_ok=True)
    mark = f"{given.data}-{seed}"
    base = train(only(data, old), given.work / f"base-{mark}", seed, epochs)
    added = add(base, data, old, new, seed)
    write(given.work / f"added_{mark}.csv", added)
    runs = []
    plan = (
        ("from scratch", epochs, None),
        ("from the task", (1, 1), given.work / f"base-{mark}"),
        ("from scratch, short", (1, 1), None),
        ("from the task, longer", (2, 1), given.work / f"base-{mark}"),
        ("from the task, whole", epochs, given.work / f"base-{mark}"),
    )
    for label, lengths, start in plan[: given.runs]:
        folder = given.work / f"{label.replace(' ', '-').replace(',', '')}-{mark}"
        task = train(data, folder, seed, lengths, start)
        if label == "from scratch":
            write(given.work / f"trained_{mark}.csv", full(task, data, old, new))
        runs.append(
            {
                "seed": seed,
                "run": label,
                "phase 1 epochs": lengths[0],
                "phase 2 epochs": lengths[1],
                **score(task, data, new),
            }
        )
        write(given.work / f"init_from_{mark}.csv", runs)
        print(runs[-1], flush=True)


if __name__ == "__main__":
    main()
