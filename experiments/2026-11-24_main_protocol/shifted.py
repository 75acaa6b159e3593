"""Phase 1 of the kept cells with its logits shifted afterwards, as if adjusted more strongly.

    python experiments/2026-11-24_main_protocol/shifted.py TINY_IMAGENET_B

Training adjusts once; the prediction then loses a further quarter or half of the log-frequency, in
logits at the loss's scale of 20. One view of every test image, in float32.
"""

import sys
from pathlib import Path

import numpy as np
import torch

from lpt.config import load_config
from lpt.data import ClassGroups
from lpt.task_file import load_task
from lpt.training.reporting import SilentReporter
from lpt.training.workbench import Workbench

CELLS = Path(__file__).parent / "cells"
SCALE = 20


def main(data: str) -> None:
    torch.set_num_threads(1)
    source = {"data.source": f"{data}:list=lists/lt100-small.csv", "data.val_fraction": 0.0}
    bench = Workbench(load_config().changed(source), SilentReporter())
    test = bench.data.split("test")
    for file in sorted(CELLS.glob("*/task.safetensors")):
        model, spec = load_task(file, bench.backbone)
        if spec.phases != 1:
            continue
        cosines = bench.predict(model.predict, test, "test", exact=True).logits
        counts = np.array(spec.class_counts)
        groups = ClassGroups(spec.many_above, spec.few_below).members(counts)
        for more in (0.0, 0.25, 0.5):
            right = (SCALE * cosines - more * np.log(counts)).argmax(1) == test.labels
            told = [
                f"{name} {100 * right[np.isin(test.labels, ids)].mean():.1f}"
                for name, ids in groups.items()
            ]
            print(f"{file.parent.name} +{more}: overall {100 * right.mean():.1f}", *told)


if __name__ == "__main__":
    main(*sys.argv[1:])
