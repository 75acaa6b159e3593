"""LIFT of the main protocol with a stronger adjustment or class means, applied after training.

    python experiments/2026-11-24_main_protocol/lift_after.py TINY_IMAGENET_B OUT [SEED]

Not run yet. Trains LIFT at the learning rate that the grid chose for it; a killed run resumes from
OUT. Then scores one view of every test image in float32: logits minus a further quarter or half of
the log-frequency, for the trained classifier and half way to the class means of the trained
features (experiments/2026-11-26_class_means). Cosines go to OUT/cosines.npy (2, N, C).
"""

import sys
from pathlib import Path

import numpy as np
import torch
from lpt.training.means import lean_on_means
from lpt.training.reporting import PlainReporter
from lpt.training.workbench import Workbench

from lpt.baselines import rival_settings, train_rival
from lpt.config import load_config
from lpt.data import ClassGroups

RATE = 0.003


def main(data: str, out: Path, seed: int) -> None:
    torch.set_num_threads(1)
    source = {"data.source": f"{data}:list=lists/lt100-small.csv", "data.val_fraction": 0.0}
    bench = Workbench(load_config().changed({**source, "seed": seed}), PlainReporter())
    settings = rival_settings("lift", rate=RATE, epochs=10, ensemble=False)
    stage = train_rival("lift", bench, settings, out / "checkpoints").stage
    test, counts = bench.data.split("test"), bench.counts.numpy()
    found = []
    for share in (0.0, 0.5):
        lean_on_means(stage, bench, share)
        found.append(bench.predict(stage.predict, test, f"share {share}", exact=True).logits)
    np.save(out / "cosines.npy", np.stack(found))
    groups = ClassGroups().members(counts)
    for share, cosines in zip((0.0, 0.5), found, strict=True):
        for more in (0.0, 0.25, 0.5):
            logits = settings.loss_options["scale"] * cosines - more * np.log(counts)
            right = logits.argmax(1) == test.labels
            told = [
                f"{name} {100 * right[np.isin(test.labels, ids)].mean():.1f}"
                for name, ids in groups.items()
            ]
            print(f"means {share} +{more}: overall {100 * right.mean():.1f}", *told)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 0)
