"""Linear probe on tiny-imagenet-b (list lt100-small), tuned on a carve-out, then run on all images.

    python experiments/2026-11-23_tiny_imagenet_b/probe.py DATA [SEEDS]

Features of the plain backbone over five views an image (one whole, four crops) are computed once.
The grid is 3 rates x 2 epochs x 4 (sampler, loss) pairs; the choice is by macro accuracy on a tenth
of the classes with ten training images or more; the final runs see all training images.
"""

import itertools
import json
import sys
from collections.abc import Iterator

import torch
from torch import Tensor

from lpt.baselines import RivalSettings, rival_settings, train_rival
from lpt.config import load_config
from lpt.data import Draw, ImageDataset, make_loader
from lpt.training.plan import VIEW_KEY
from lpt.training.reporting import SilentReporter
from lpt.training.stages import Inputs
from lpt.training.workbench import Workbench

VIEWS = 5
PAIRS = (("balanced", "ce"), ("instance", "logit-adjustment"), ("balanced", "agcl"), ("dual", "ce"))
GRID = list(itertools.product((0.001, 0.003, 0.01), (10, 40), PAIRS))


class FeatureBench(Workbench):
    """A bench whose images are features already; view 0 is the whole image."""

    def prepare(self) -> "FeatureBench":
        whole = self.features(self.backbone, self.train_split, "whole")
        n = len(self.train_split)
        views = [whole]
        for view in range(1, VIEWS):
            draws = [Draw(i, (self.config.seed, VIEW_KEY, view, i)) for i in range(n)]
            batches = [draws[i : i + 64] for i in range(0, n, 64)]
            loader = make_loader(ImageDataset(self.train_split, self.train_transform), batches)
            with torch.inference_mode():
                views.append(torch.cat([self.backbone(batch.images) for batch in loader]))
        self.views = torch.stack(views).clone()
        self.labels = torch.from_numpy(self.train_split.labels)
        return self

    def image_source(
        self, steps: Iterator[list[Draw]], workers: int | None = None
    ) -> Iterator[tuple[Inputs, Tensor]]:
        for draws in steps:
            ids = torch.tensor([draw.index for draw in draws])
            view = torch.tensor([hash(draw.key) % VIEWS for draw in draws])
            yield {"feature": self.views[view, ids]}, self.labels[ids]


def settings(rate: float, epochs: int, pair: tuple[str, str]) -> RivalSettings:
    sampler, loss = pair
    return rival_settings(
        "linear-probe", rate=rate, epochs=epochs, sampler=sampler, loss=loss, views=0
    )


def bench(data: str, seed: int, val_fraction: float) -> FeatureBench:
    changes = {"data.source": data, "seed": seed, "data.val_fraction": val_fraction}
    config = load_config("default").changed(changes)
    return FeatureBench(config, SilentReporter(), device="cpu").prepare()


def main(data: str, seeds: int = 1) -> None:
    tuning = bench(data, 0, 0.1)
    assert tuning.validation is not None
    scores = {}
    for cell in GRID:
        probe = train_rival("linear-probe", tuning, settings(*cell))
        scores[cell] = tuning.score(tuning.predict(probe.predict, tuning.validation)).summary()
        print(json.dumps({"tuning": cell, **scores[cell]}), flush=True)
    best = max(scores, key=lambda cell: scores[cell]["macro"] or 0.0)
    print(json.dumps({"chosen": best}), flush=True)
    for seed in range(seeds):
        final = bench(data, seed, 0.0)
        for cell in {best, *((best[0], best[1], pair) for pair in PAIRS)}:
            probe = train_rival("linear-probe", final, settings(*cell))
            found = final.predict(probe.predict, final.data.split("test"))
            summary = final.score(found).summary()
            print(json.dumps({"seed": seed, "test": cell, **summary}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1)
