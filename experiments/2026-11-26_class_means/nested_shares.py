"""Interpolate class directions with class means by several shares, on nested sets.

    python experiments/2026-11-26_class_means/nested_shares.py TINY_IMAGENET_B OUT SEED [lift]

Trains phase 1 of the default recipe, or LIFT at learning rate 0.003, on the set that
experiments/2026-11-24_default_rates/nested.py nests in lists/lt100-small.csv, and scores its
held-out images. "shifts" is the macro accuracy averaged over nine shifts of the logits by -0.4 to
0.4 times the log-frequency, which removes most of the randomness. "fitted" is the least log-loss,
mean over classes, over ten scales of the logits and a shift by 0 or -0.25.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from lpt.classifier import class_means
from lpt.training.data import open_configured
from lpt.training.reporting import SilentReporter
from lpt.training.runs import RunFolder
from lpt.training.session import Session
from lpt.training.workbench import Workbench
from torch import Tensor

from lpt.baselines import rival_settings, train_rival
from lpt.config import load_config

sys.path.insert(0, str(Path(__file__).parents[1] / "2026-11-24_default_rates"))
from nested import ALWAYS, nested

SCALE = 20
FITS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5)


def told(logits: Tensor, labels: Tensor, counts: Tensor) -> str:
    """Format macro accuracy, by frequent (> 20), medium and rare (<= 5) classes, and log-loss."""
    share = torch.log(counts / counts.sum())

    def over_classes(values: Tensor) -> Tensor:
        return torch.stack([values[labels == c].mean() for c in range(len(counts))])

    def accuracy(shift: float) -> Tensor:
        right = (logits + shift * share).argmax(1) == labels
        return 100 * over_classes(right.float())

    def log_loss(scale: float, shift: float) -> float:
        losses = F.cross_entropy(scale * logits + shift * share, labels, reduction="none")
        return over_classes(losses).mean().item()

    own = accuracy(0)
    shifts = np.mean([accuracy(s).mean().item() for s in np.arange(-0.4, 0.45, 0.1)])
    groups = (counts > 20, (counts <= 20) & (counts > 5), counts <= 5)
    parts = " ".join(f"{own[g].mean():.1f}" for g in groups)
    fitted = min(log_loss(scale, shift) for scale in FITS for shift in (0.0, -0.25))
    return f"macro {own.mean():.1f} ({parts}) shifts {shifts:.2f} fitted {fitted:.3f}"


def main(data: str, out: Path, seed: int, rival: str | None = None) -> None:
    torch.set_num_threads(1)
    settings = {"data.source": str(nested(Path(data), seed, out)), "seed": seed}
    none = {"phase2.epochs": 0, "classifier.mean_share": 0.0}
    config = load_config().changed({**ALWAYS, **settings, **none})
    whole = open_configured(config, reporter=SilentReporter())
    train, held_out = whole.split("train"), whole.split("val")
    bench = Workbench(config, SilentReporter(), data=replace(whole, splits={"train": train}))
    if rival is None:
        runs = RunFolder(out / f"shares-{seed}")
        session = Session(bench, runs)
        try:
            runs.create(session.config, session.identity())
            session.run()
        finally:
            runs.release()
        predict, classifier = session.model.phase1, session.model.classifier
    else:
        stage = train_rival(rival, bench, rival_settings(rival, rate=0.003, ensemble=False)).stage
        predict, classifier = stage.predict, stage.classifier
    features = bench.features(lambda images: predict(images).feature, train, "train")
    scored = bench.features(lambda images: predict(images).feature, held_out, "held out")
    labels = torch.from_numpy(train.labels)
    means = class_means(features, labels, bench.data.num_classes)
    trained = classifier.weight.detach().clone()
    for share in (0.0, 0.3, 0.4, 0.5, 0.6, 1.0):
        with torch.no_grad():
            classifier.weight.copy_(trained)
        classifier.lean_towards(means, share)
        logits = SCALE * classifier(scored).detach()
        print(share, told(logits, torch.from_numpy(held_out.labels), bench.counts.float()))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
