"""Choose settings of the default recipe on long-tailed sets nested in listed training images.

    python experiments/2026-11-24_default_rates/nested.py TINY_IMAGENET_B OUT PLAN.json --threads 1

Held-out images of lists/lt100-small.csv come from classes with ten images or more, so they say
nothing about rare classes. Here the classes with 22 listed images or more get a new tail, 100
images down to 2, with classes in an order drawn by seed. Up to 60 of their other listed images are
scored. Test images and images that the list leaves out are never opened.

PLAN.json maps names to {"seed": S, "from": NAME or null, "settings": {...}} for LPT, where "from"
names the run whose phase 1 is used, and to {"seed": S, "rival": NAME, "with": {...}} for baselines.
"views" 1 leaves out TTA. OUT/done.jsonl gets one line per finished run; finished runs are skipped.
"""

import argparse
import csv
import json
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
import torch.nn.functional as F
from lpt.evaluation.ensemble import ensembled, expansion
from lpt.training.data import open_configured
from lpt.training.reporting import SilentReporter
from lpt.training.runs import RunFolder
from lpt.training.session import Session
from lpt.training.workbench import Workbench

from lpt.baselines import rival_settings, train_rival
from lpt.config import load_config
from lpt.data import Split
from lpt.records import Output

LEAST, KEPT, SCORED = 22, 15, 60
SCALES = (8, 10, 12, 14, 16, 18, 20, 25)
SHIFTS = (-0.25, 0.0, 0.25)
Predict = Callable[[torch.Tensor], Output]
ALWAYS = {
    "data.test_fraction": 0,
    "data.val_fraction": 0,
    "phase1.epochs": 10,
    "phase2.epochs": 10,
}


def nested(source: Path, seed: int, out: Path) -> Path:
    """Write train.parquet and val.parquet of the nested set of a seed; return their folder."""
    folder = out / f"nested{seed}"
    if (folder / "val.parquet").is_file():
        return folder
    listed = defaultdict(list)
    for row in csv.DictReader((source / "lists/lt100-small.csv").open(encoding="utf-8")):
        listed[row["label_name"]].append((row["file"], int(row["row"])))
    names = sorted((n for n in listed if len(listed[n]) >= LEAST), key=lambda n: -len(listed[n]))
    draw = np.random.default_rng(seed)
    draw.permutation(len(names))  # the runs on record drew an order that nothing used
    tail = np.round(100 * (2 / 100) ** (np.arange(len(names)) / (len(names) - 1))).astype(int)
    images = {p.name: pq.read_table(p, columns=["image"]) for p in source.glob("train*.parquet")}
    parts: dict[str, list[dict[str, Any]]] = {"train": [], "val": []}
    for label, index in enumerate(draw.permutation(len(names))):
        own = listed[names[index]]
        order = [own[i] for i in draw.permutation(len(own))]
        count = min(int(tail[label]), len(own) - KEPT)
        for split, chosen in (("train", order[:count]), ("val", order[count : count + SCORED])):
            for file, row in chosen:
                image = images[file].column("image")[row].as_py()
                name = {"label": label, "label_name": names[index], "split": split}
                parts[split].append({"image": image, **name})
    folder.mkdir(parents=True, exist_ok=True)
    for split, rows in parts.items():
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{split}.parquet")
    return folder


def score(bench: Workbench, predict: Predict, val: Split, views: int) -> dict[str, Any]:
    """Score macro accuracy of all, frequent (> 20), medium and rare (<= 5) classes, and log-loss.

    "fitted" is the log-loss at the best of several scales of the cosines, "both fitted" at the best
    pair of a scale and one of three shifts by a part of the log-frequency. "shifts" is the macro
    accuracy averaged over eleven shifts by -0.5 to 0.5 of it, which removes some randomness.
    """
    labels, counts = torch.from_numpy(val.labels), bench.counts
    share = torch.log(counts / counts.sum())
    groups = {
        "macro": counts >= 0,
        "frequent": counts > 20,
        "medium": (counts <= 20) & (counts > 5),
        "rare": counts <= 5,
    }

    def over_classes(values: torch.Tensor) -> torch.Tensor:
        return torch.stack([values[labels == c].mean() for c in range(len(counts))])

    def log_loss(cosines: torch.Tensor, scale: float, shift: float = 0.0) -> float:
        losses = F.cross_entropy(scale * cosines + shift * share, labels, reduction="none")
        return round(over_classes(losses).mean().item(), 3)

    def accuracy(cosines: torch.Tensor, shift: float) -> float:
        right = (20 * cosines + shift * share).argmax(1) == labels
        return 100 * over_classes(right.float()).mean().item()

    crops = ensembled(predict, expansion(bench.backbone.spec.patch_size))
    found: dict[str, Any] = {}
    for name, view in (("one view", predict), ("five crops", crops))[:views]:
        cosines = torch.from_numpy(bench.predict(view, val, name, exact=True).logits)
        right = over_classes((cosines.argmax(1) == labels).float())
        found[name] = {g: round(100 * right[m].mean().item(), 1) for g, m in groups.items()}
        found[name]["log-loss"] = log_loss(cosines, 20)
        found[name]["fitted"] = min(log_loss(cosines, scale) for scale in SCALES)
        found[name]["both fitted"] = min(log_loss(cosines, *f) for f in product(SCALES, SHIFTS))
        means = [accuracy(cosines, shift) for shift in np.arange(-0.5, 0.51, 0.1)]
        found[name]["shifts"] = round(float(np.mean(means)), 2)
    return found


def run(name: str, entry: dict[str, Any], source: Path, out: Path) -> dict[str, Any]:
    folder = nested(source, entry["seed"], out)
    settings = {**ALWAYS, "data.source": str(folder), "seed": entry["seed"]}
    config = load_config().changed({**settings, **entry.get("settings", {})})
    whole = open_configured(config, reporter=SilentReporter())
    alone = replace(whole, splits={"train": whole.split("train")})
    bench = Workbench(config, SilentReporter(), data=alone)
    if "rival" in entry:
        own = rival_settings(entry["rival"], ensemble=False, **entry["with"])
        predict = train_rival(entry["rival"], bench, own).predict
    else:
        predict = trained(bench, name, entry["from"], out)
    return score(bench, predict, whole.split("val"), entry.get("views", 2))


def trained(bench: Workbench, name: str, start: str | None, out: Path) -> Predict:
    """Train one run, from the phase 1 of another if one is named."""
    runs = RunFolder(out / "runs" / name)
    session = Session(bench, runs)
    try:
        runs.create(session.config, session.identity())
        if start is not None:
            first = RunFolder(out / "runs" / start).load_best("phase1-selected")
            session.take_phase1(first["shared.prompts"], first["classifier.weight"])
        session.run()
    finally:
        runs.release()
    session.model.phases = 2 if bench.config.phase2.epochs else 1
    return session.model.predict


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("plan", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    done = options.out / "done.jsonl"
    done.touch()
    finished = {json.loads(line)["name"] for line in done.read_text().splitlines()}
    for name, entry in json.loads(options.plan.read_text()).items():
        if name not in finished:
            found = run(name, entry, options.data, options.out)
            with done.open("a") as file:
                file.write(json.dumps({"name": name, **found, **entry}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
