"""LPT's kept cells of the main protocol, their classes turned towards class means afterwards.

    python experiments/2026-11-26_class_means/cells.py TINY_IMAGENET_B OUT [SHARE]

The cells were trained before `classifier.mean_share` was a setting. For phase 1 this is what a run
with it gives, since nothing is trained after; phase 2 of such a run begins at the turned classes,
which here it does not. One view of every test image, in float32. Right answers go to OUT/CELL.npy.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from lpt.training.means import means_of
from lpt.training.reporting import SilentReporter
from lpt.training.workbench import Workbench

from lpt.config import load_config
from lpt.data import ClassGroups
from lpt.task_file import load_task

CELLS = Path(__file__).parents[1] / "2026-11-24_main_protocol/cells"


def main(data: str, out: Path, share: float) -> None:
    torch.set_num_threads(1)
    out.mkdir(parents=True, exist_ok=True)
    source = {"data.source": f"{data}:list=lists/lt100-small.csv", "data.val_fraction": 0.0}
    for file in sorted(CELLS.glob("*/task.safetensors")):
        kept = out / f"{file.parent.name}.npy"
        if kept.exists():
            continue
        seed = json.loads((file.parent / "cell.json").read_text())["seed"]
        config = load_config().changed({**source, "seed": seed})
        bench = Workbench(config, SilentReporter())
        model, spec = load_task(file, bench.backbone)
        test = bench.data.split("test")
        means = means_of(bench, lambda images, m=model: m.predict(images).feature, "means")
        model.classifier.lean_towards(means, share)
        right = bench.predict(model.predict, test, "test", exact=True).logits.argmax(1)
        right = right == test.labels
        groups = ClassGroups(spec.many_above, spec.few_below).members(np.array(spec.class_counts))
        told = [
            f"{name} {100 * right[np.isin(test.labels, ids)].mean():.1f}"
            for name, ids in groups.items()
        ]
        overall = 100 * right.mean()
        print(
            f"{file.parent.name} phases {spec.phases} seed {seed}: overall {overall:.1f}",
            *told,
            flush=True,
        )
        np.save(kept, right)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]) if len(sys.argv) > 3 else 0.5)
