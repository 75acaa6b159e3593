"""Five crops of test images for task files that a study scored in one view.

    python experiments/2026-11-26_caltech101/five_crops.py CALTECH101 TASK...

For a fair look at LIFT, which answers by five crops of its own accord.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from lpt.studies.measuring import over_five_crops
from lpt.training.reporting import SilentReporter
from lpt.training.workbench import Workbench

from lpt.config import load_config
from lpt.data import ClassGroups
from lpt.task_file import load_task


def main(data: str, *files: str) -> None:
    torch.set_num_threads(1)
    config = load_config().changed({"data.source": data, "data.val_fraction": 0.0})
    bench = Workbench(config, SilentReporter())
    test = bench.data.split("test")
    for file in map(Path, files):
        model, spec = load_task(file, bench.backbone)
        said = over_five_crops(bench, model.predict, test)
        right = said.logits.argmax(1) == test.labels
        groups = ClassGroups(spec.many_above, spec.few_below).members(np.array(spec.class_counts))
        told = [
            f"{name} {100 * right[np.isin(test.labels, ids)].mean():.1f}"
            for name, ids in groups.items()
            if len(ids)
        ]
        classes = np.unique(test.labels)
        macro = 100 * np.mean([right[test.labels == c].mean() for c in classes])
        print(f"{file.parent.name}: overall {100 * right.mean():.1f}", *told, f"macro {macro:.1f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
