"""A trained task in use: coverage of its label sets, and accuracy under five class distributions.

    python in_use.py tiny|fashion SHARED WORK --seed 0

Takes the task that grow.py trained without the new classes (WORK/base-DATA-SEED).
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from grow import chosen_data, only
from scipy.special import softmax

from lpt.escape import csv_text
from lpt.files.atomic_files import write_text
from lpt.data.class_groups import ClassGroups
from lpt.evaluation.chosen_prior import choose_prior
from lpt.evaluation.priors import (
    adjust_to_prior,
    effective_prior,
    estimate_prior,
    estimate_prior_by_confusion,
)
from lpt.task import load
from lpt.task.decisions.label_sets import LabelSets

IMBALANCES = {
    "forward 50": 50,
    "forward 5": 5,
    "uniform": 1,
    "backward 5": 1 / 5,
    "backward 50": 1 / 50,
}
SHARES = {"half of the classes": 0.5, "a fifth": 0.2, "a tenth": 0.1}
DRAWS = 5


def drawn(
    labels: np.ndarray, counts: np.ndarray, imbalance: float, seed: int, most: int | None = None
) -> np.ndarray:
    """Draw images, at most `most` of a class, whose classes fall exponentially with their rank."""
    order = np.argsort(-counts, kind="stable")
    weights = np.empty(len(counts))
    weights[order] = imbalance ** (-np.arange(len(order)) / (len(order) - 1))
    weights /= weights.max()
    noise, kept = np.random.default_rng(seed), []
    for c, weight in enumerate(weights):
        own = noise.permutation(np.flatnonzero(labels == c))[:most]
        kept.append(own[: max(1, round(weight * len(own)))])
    return np.concatenate(kept)


def sets_of(
    labels: np.ndarray, counts: np.ndarray, draws: int = DRAWS, most: int | None = None
) -> Iterator[tuple[str, int, np.ndarray]]:
    """Draw sets of images: name of the distribution, draw, positions.

    Tails along the rank in training; tails along a random rank; and some of the classes only.
    """
    for draw in range(draws):
        for title, imbalance in IMBALANCES.items():
            yield title, draw, drawn(labels, counts, imbalance, draw, most)
        noise = np.random.default_rng((draw, 1))
        other = noise.permutation(counts)
        yield "other order 50", draw, drawn(labels, other, 50, draw, most)
        for title, share in SHARES.items():
            some = noise.permutation(len(counts))[: max(2, round(share * len(counts)))]
            kept = [noise.permutation(np.flatnonzero(labels == c))[:most] for c in some]
            yield title, draw, np.concatenate(kept)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", choices=("tiny", "fashion"))
    parser.add_argument("shared")
    parser.add_argument("work", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    mark = f"{given.data}-{given.seed}"
    task = load(given.work / f"base-{mark}", device="cpu")
    data = only(chosen_data(given.data, given.shared, given.seed), list(task.class_names))
    counts = np.array(task.spec.class_counts)
    found = {name: task.run(data.split(name)) for name in ("val", "test")}
    at = {k: softmax(f.logits / task.spec.temperature, axis=1) for k, f in found.items()}
    labels = found["test"].labels
    write_text(
        given.work / f"sets_{mark}.csv",
        csv_text(coverage(task, at["test"], labels, counts, given.seed)),
    )
    rows = []
    source = effective_prior(counts, task.spec.prior_power)
    for title, draw, kept in sets_of(labels, counts):
        mine, true = at["test"][kept], labels[kept]
        chosen = choose_prior(mine, source, counts)
        priors = {
            "as trained": source,
            "training": counts / counts.sum(),
            "estimate": chosen.prior,
            "EM": estimate_prior(mine, source).prior,
            "BBSE": estimate_prior_by_confusion(mine, at["val"], found["val"].labels).prior,
            "true": np.bincount(true, minlength=len(counts)) / len(true),
        }
        row = {
            "seed": given.seed,
            "test distribution": title,
            "draw": draw,
            "images": len(kept),
            "estimate follows": chosen.follows,
            "exponent": chosen.exponent and round(chosen.exponent, 2),
        }
        for name, prior in priors.items():
            right = adjust_to_prior(mine, source, prior).argmax(axis=1) == true
            row[name] = round(100 * float(right.mean()), 2)
        rows.append(row)
    write_text(given.work / f"priors_{mark}.csv", csv_text(rows))


def coverage(task, probabilities, labels, counts, seed) -> list[dict]:
    groups = ClassGroups(task.spec.many_above, task.spec.few_below).of(counts)[labels]
    rows = []
    for by_group in (False, True):
        sets = LabelSets.of(task.spec, 0.9, by_group=by_group)
        members = sets.thresholds.sets(probabilities)
        inside = members[np.arange(len(labels)), labels]
        for group in ("all", "many", "medium", "few"):
            mine = np.ones(len(labels), bool) if group == "all" else groups == group
            rows.append(
                {
                    "seed": seed,
                    "promise": "within groups" if by_group else "all images",
                    "group": group,
                    "images": int(mine.sum()),
                    "validation images": sum(
                        len(s.own) for g, s in task.spec.validation.items() if group in ("all", g)
                    ),
                    "covered": round(100 * float(inside[mine].mean()), 2),
                    "mean size": round(float(members[mine].sum(axis=1).mean()), 2),
                }
            )
    return rows


if __name__ == "__main__":
    main()
