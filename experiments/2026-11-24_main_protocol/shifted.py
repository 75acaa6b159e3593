"""Kept cells with their logits shifted afterwards, as if adjusted more strongly or less.

    python experiments/2026-11-24_main_protocol/shifted.py TINY_IMAGENET_B [CELL ...]

The prediction loses a further quarter or half of the log-frequency, or a quarter less of it, in
logits at the loss's scale of 20. One view of every test image, in float32. Without names: phase 1
of every kept cell that has its prompts.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from lpt.training.reporting import SilentReporter
from lpt.training.workbench import Workbench

from lpt.config import load_config
from lpt.data import ClassGroups
from lpt.task_file import load_task

CELLS = Path(__file__).parent / "cells"
SCALE = 20


def main(data: str, *names: str) -> None:
    torch.set_num_threads(1)
    source = {"data.source": f"{data}:list=lists/lt100-small.csv", "data.val_fraction": 0.0}
    bench = Workbench(load_config().changed(source), SilentReporter())
    test = bench.data.split("test")
    for file in sorted(CELLS.glob("*/task.safetensors")):
        if names and file.parent.name not in names:
            continue
        model, spec = load_task(file, bench.backbone)
        if not names and spec.phases != 1:
            continue
        cosines = bench.predict(model.predict, test, "test", exact=True).logits
        counts = np.array(spec.class_counts)
        groups = ClassGroups(spec.many_above, spec.few_below).members(counts)
        for more in (-0.25, 0.0, 0.25, 0.5):
            right = (SCALE * cosines - more * np.log(counts)).argmax(1) == test.labels
            told = [
                f"{name} {100 * right[np.isin(test.labels, ids)].mean():.1f}"
                for name, ids in groups.items()
            ]
            print(f"{file.parent.name} {more:+}: overall {100 * right.mean():.1f}", *told)


if __name__ == "__main__":
    main(*sys.argv[1:])
