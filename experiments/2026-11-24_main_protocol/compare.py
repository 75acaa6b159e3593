"""Rows of the kept cells, and differences between two of them with their bootstrap intervals.

    python experiments/2026-11-24_main_protocol/compare.py

`lpt study` compares rows whose rates one command chose; these cells have rates of their own.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from statistics import mean, stdev

import numpy as np
from lpt.studies.bootstrap import paired_differences
from lpt.studies.cells import Answers, CellResult, CellStore

from lpt.data import ClassGroups
from lpt.task_file import read_spec

CELLS = Path(__file__).parent / "cells"
MEASURES = ("overall", "many", "medium", "few")


def label(result: CellResult) -> str:
    """The rival's name; of LPT its phases, and the rate of phase 1's prompts; dropout if any."""
    config = result.content["config"]
    dropout = config["classifier"]["dropout"]
    return _method(result) + (f", dropout {dropout:g}" if dropout else "")


def _method(result: CellResult) -> str:
    if result.content["method"] != "lpt":
        return str(result.content["method"])
    config = result.content["config"]
    optim = config["phase1"]["optim"]
    recipe = f" at {optim['rate']:g}" if optim["name"] == "adamw" else ", paper"
    return ("both phases" if config["phase2"]["epochs"] else "phase 1") + recipe


def spread(values: Sequence[float]) -> str:
    deviation = f" ± {100 * stdev(values):.1f}" if len(values) > 1 else ""
    return f"{100 * mean(values):.1f}{deviation}"


def main() -> None:
    store = CellStore(CELLS)
    rows: dict[str, dict[int, tuple[CellResult, Answers]]] = defaultdict(dict)
    for folder in sorted(CELLS.iterdir()):
        result = store.result(folder.name)
        if result is not None and result.ensembled:  # cells that chose a rate have none
            found = (result, store.answers(folder.name))
            rows[label(result)][result.content["seed"]] = found
    spec = read_spec(next(CELLS.glob("*/task.safetensors")))
    groups = ClassGroups(spec.many_above, spec.few_below).members(np.array(spec.class_counts))
    for five in (False, True):
        print("five crops" if five else "one view")
        for name, seeds in rows.items():
            scores = [r.ensembled if five else r.scores for r, _ in seeds.values()]
            told = [f"{m} {spread([float(s[m] or 0) for s in scores])}" for m in MEASURES]
            print(f"  {name} (seeds {sorted(seeds)}): {', '.join(told)}")
        for one, other in combinations(rows, 2):
            both = sorted(rows[one].keys() & rows[other].keys())
            right = [
                [rows[name][s][1].right(ensembled=five) for s in both] for name in (one, other)
            ]
            labels = rows[one][both[0]][1].labels
            found = paired_differences(right[0], right[1], labels, groups)
            told = [
                f"{m} {100 * d.mean:+.1f} [{100 * d.low:+.1f}, {100 * d.high:+.1f}]"
                for m, d in found.items()
                if m in MEASURES
            ]
            print(f"  {one} minus {other} (seeds {both}): {', '.join(told)}")


if __name__ == "__main__":
    main()
