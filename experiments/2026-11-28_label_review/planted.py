"""Planted wrong labels: how many a review finds, and what training on the corrected list gains.

    python planted.py SHARED WORK --domain photo --seed 0 [--train]

SHARED holds pacs. Images of one domain are written to class folders: 30 of each class for testing,
others for training, long-tailed (120 down to 6), with 10 % of the labels replaced by those of other
images. The run is analysed, and a reviewer who knows the right labels looks at the first part of
the list.
"""

import argparse
import csv
import shutil
from pathlib import Path

import numpy as np
import torch

import lpt
from lpt.escape import csv_text
from lpt.files.atomic_files import write_text
from lpt.analysis.run_analysis import RANKING, SUSPECTS, run_analysis
from lpt.data.check.corrections import Correction, write_corrections
from lpt.data.sampling import sample_per_class
from lpt.task.run_result import read_result

TESTED, MOST, FEWEST, WRONG = 30, 120, 6, 0.1
PARTS = (0.05, 0.1, 0.2)
REVIEWED = (0.1, 1.0)
EPOCHS = (6, 4)


def write_photos(shared: str, domain: str, seed: int, root: Path) -> dict[str, str]:
    """Write the images; return the right class of each training image by its name."""
    whole = lpt.open_data(f"{shared}/pacs/{domain}.parquet", val_fraction=0, test_fraction=0)
    split, names, noise = whole.split("train"), whole.class_names, np.random.default_rng(seed)
    tested = sample_per_class(split.labels, TESTED, seed)
    left = np.setdiff1d(np.arange(len(split)), tested)
    sizes = np.bincount(split.labels[left], minlength=len(names))
    order = np.argsort(-sizes, kind="stable")
    for rank, c in enumerate(order):
        most = round(MOST * (FEWEST / MOST) ** (rank / (len(names) - 1)))
        own = noise.permutation(left[split.labels[left] == c])
        left = np.setdiff1d(left, own[most:])
    planted = set(noise.choice(left, round(WRONG * len(left)), replace=False).tolist())
    right = {}
    for index in (*tested.tolist(), *left.tolist()):
        own = int(split.labels[index])
        given = own
        if index in planted:
            given = int(noise.choice(split.labels[left[split.labels[left] != own]]))
        part = "train" if index in set(left.tolist()) else "test"
        path = root / part / names[given] / f"{index:05d}.webp"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(split.read(index))
        if part == "train":
            right[f"train/{names[given]}/{path.name}"] = names[own]
    return right


def ranking(run: Path) -> list[dict[str, str]]:
    rows = []
    for name in (SUSPECTS, RANKING):
        with (run / "analysis" / name).open() as stream:
            rows += [row for row in csv.DictReader(stream) if row["kind"] == "suspect-label"]
    return rows


def found(rows: list[dict[str, str]], right: dict[str, str], domain: str, seed: int) -> list[dict]:
    """Share of wrong labels in the first parts of the list, by frequency of the given class."""
    counts: dict[str, int] = {}
    for name in right:
        counts[name.split("/")[1]] = counts.get(name.split("/")[1], 0) + 1
    wrong = [right[row["name"]] != row["label"] for row in rows]
    order = sorted(counts, key=lambda name: -counts[name])
    group = ["frequent" if row["label"] in order[:3] else "rare" for row in rows]
    result = []
    for part in PARTS:
        first = round(part * len(rows))
        line = {"domain": domain, "seed": seed, "share of list": part, "images": first}
        for name in ("all", "frequent", "rare"):
            mine = [w and (name in ("all", g)) for w, g in zip(wrong, group, strict=True)]
            line[f"wrong {name}"] = sum(mine)
            line[f"found {name}"] = sum(mine[:first])
        result.append(line)
    return result


def review(rows: list[dict[str, str]], right: dict[str, str], part: float, path: Path) -> int:
    decisions = []
    for row in rows[: round(part * len(rows))]:
        true = right[row["name"]]
        kind = "confirm" if true == row["label"] else "change"
        new = "" if kind == "confirm" else true
        decisions.append(Correction(row["name"], row["split"], kind, row["label"], new))
    write_corrections(path, decisions)
    return sum(one.decision == "change" for one in decisions)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("shared")
    parser.add_argument("work", type=Path)
    parser.add_argument("--domain", default="photo")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--train", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    home = given.work / f"{given.domain}-{given.seed}"
    shutil.rmtree(home, ignore_errors=True)
    right = write_photos(given.shared, given.domain, given.seed, home / "data")
    settings = {"phase1.epochs": EPOCHS[0], "phase2.epochs": EPOCHS[1], "data.val_fraction": 0}
    short = {**settings, "phase1.epochs": 0, "phase2.epochs": 0}

    def train(name: str, data: Path, chosen: dict, **more) -> dict[str, float | None]:
        lpt.train(data, out=home / name, settings=chosen, seed=given.seed, device="cpu", **more)
        result = read_result(home / name)
        phase = "phase2" if "phase2" in result.metrics else "phase1"
        return result.metrics[phase]["test"]

    wrong = train("wrong", home / "data", settings if given.train else short)
    run_analysis(home / "wrong", device="cpu", bank=100_000)
    rows = ranking(home / "wrong")
    assert len(rows) == len(right)
    write_text(
        given.work / f"found_{given.domain}_{given.seed}.csv",
        csv_text(found(rows, right, given.domain, given.seed)),
    )
    if not given.train:
        return
    runs = [{"labels": "10 % wrong", "changed": 0, **wrong}]
    for part in REVIEWED:
        path = home / f"list-{part}.csv"
        changed = review(rows, right, part, path)
        scores = train(f"corrected-{part}", home / "data", settings, corrections=path)
        runs.append({"labels": f"first {part:.0%} reviewed", "changed": changed, **scores})
        write_text(given.work / f"runs_{given.domain}_{given.seed}.csv", csv_text(runs))


if __name__ == "__main__":
    main()
