"""Linear probe on tiny-imagenet-b (list lt100-small), tuned on carve-outs, then run on all images.

    python experiments/2026-11-23_default_losses/probe.py DATA OUT.jsonl [SEEDS [CROP]]

Features of the plain backbone over five views an image (one whole, four crops) are computed once a
seed. The grid is 3 rates x 2 epochs x 2 (sampler, loss) pairs; the choice is by macro accuracy on a
tenth of the classes with ten training images or more, mean over SEEDS (2) such tenths; final runs
see all training images. CROP is the least share of an image that a crop shows (0.4). Cells that
stand in OUT.jsonl are not computed again.
"""

import itertools
import json
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from lpt.training.plan import VIEW_KEY
from lpt.training.reporting import SilentReporter
from lpt.training.stages import Inputs
from lpt.training.workbench import Workbench
from torch import Tensor

from lpt.baselines import RivalSettings, rival_settings, train_rival
from lpt.config import load_config
from lpt.data import Draw, ImageDataset, make_loader

VIEWS = 5
PAIRS = (("balanced", "ce"), ("instance", "logit-adjustment"))
GRID = list(itertools.product((0.0003, 0.001, 0.003), (10, 40), PAIRS))


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

    def validate(self, model: object) -> None:
        """Nothing between epochs: only the last counts."""


def settings(rate: float, epochs: int, pair: tuple[str, str]) -> RivalSettings:
    sampler, loss = pair
    return rival_settings(
        "linear-probe", rate=rate, epochs=epochs, sampler=sampler, loss=loss, views=0
    )


class Trials:
    """Finished cells, each with its scores, in a file of a line each."""

    def __init__(self, data: str, file: Path, crop: float) -> None:
        self.data, self.file, self.crop = data, file, crop
        file.touch()
        lines = map(json.loads, file.read_text(encoding="utf-8").splitlines())
        self.scores = {json.dumps(line["cell"]): line["scores"] for line in lines}

    def run(self, split: str, seed: int, cells: list[Any]) -> list[dict[str, float | None]]:
        wanted = [json.dumps([split, seed, self.crop, *cell]) for cell in cells]
        if not self.scores.keys() >= set(wanted):
            changes = {
                "data.source": self.data,
                "seed": seed,
                "data.val_fraction": 0.1 if split == "val" else 0.0,
                "augment.crop_scale": [self.crop, 1.0],
            }
            config = load_config("default").changed(changes)
            bench = FeatureBench(config, SilentReporter(), device="cpu").prepare()
            for name, cell in zip(wanted, cells, strict=True):
                if name not in self.scores:
                    probe = train_rival("linear-probe", bench, settings(*cell))
                    found = bench.predict(probe.predict, bench.data.split(split))
                    self.scores[name] = bench.score(found).summary()
                    with self.file.open("a", encoding="utf-8") as out:
                        line = {"cell": json.loads(name), "scores": self.scores[name]}
                        out.write(json.dumps(line) + "\n")
        return [self.scores[name] for name in wanted]


def mean(scores: list[dict[str, float | None]]) -> dict[str, float]:
    return {m: 100 * statistics.mean(x[m] or 0.0 for x in scores) for m in scores[0]}


def main(data: str, file: str, seeds: int = 2, crop: float = 0.4) -> None:
    trials = Trials(data, Path(file), crop)
    by_seed = [trials.run("val", seed, GRID) for seed in range(seeds)]
    tuned = {
        cell: mean(list(found))
        for cell, found in zip(GRID, zip(*by_seed, strict=True), strict=True)
    }
    chosen = [
        max((cell for cell in GRID if cell[2] == pair), key=lambda cell: tuned[cell]["macro"])
        for pair in PAIRS
    ]
    for cell in GRID:
        print("val ", cell, {name: round(value, 1) for name, value in tuned[cell].items()})
    final = [trials.run("test", seed, chosen) for seed in range(seeds)]
    for cell, found in zip(chosen, zip(*final, strict=True), strict=True):
        print("test", cell, {name: round(value, 1) for name, value in mean(list(found)).items()})


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:4]), *map(float, sys.argv[4:5]))
