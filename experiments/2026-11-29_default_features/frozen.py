"""Accuracy of classifiers on frozen features of nested sets, without any prompt.

    python -m tools.nested TINY_IMAGENET_B lists/lt100-small.csv OUT --sets 4
    PYTHONPATH=. python frozen.py BACKBONE OUT.csv OUT/nested0 OUT/nested1 ...

Rows: the feature (class token, or class token and mean of the patch tokens), what is done to it
(nothing, centred, or whitened by the shrunk covariance within classes), and the learning rate of a
cosine classifier with logit adjustment that starts at the class means (0: the means themselves).
"""

import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from tools.backbones.targets import teacher_tokens
from tools.pretrain.images import load_images
from torch import Tensor

from lpt.backbones import load_backbone
from lpt.escape import csv_text
from lpt.files.atomic_files import write_text
from lpt.losses.functional import logit_adjustment
from lpt.model.classifier import class_means
from lpt.training.run.device_setup import make_accelerator

STEPS = 300
RATES = (0.0, 0.01, 0.02, 0.05)
SHRINKAGES = (0.3, 0.5, 0.7, 0.9)


def features(backbone, pixels: Tensor) -> dict[str, Tensor]:
    """Unit-length features of whole images, by name."""
    accelerator = make_accelerator("float32")
    parts = [
        teacher_tokens(backbone.model, backbone.spec, p, accelerator) for p in pixels.split(100)
    ]
    tokens = torch.cat([torch.stack([t[:, 0], t[:, 1:].mean(1)], dim=1) for t in parts])
    unit = F.normalize(tokens, dim=-1)
    return {"class token": unit[:, 0], "class+patches": unit.flatten(1) / 2**0.5}


def maps(bank: Tensor, labels: Tensor, classes: int):
    """Linear maps of features by name, from training images."""
    counts = torch.bincount(labels, minlength=classes)
    sums = torch.zeros(classes, bank.shape[1]).index_add_(0, labels, bank)
    within = bank - (sums / counts[:, None])[labels]
    covariance = within.T @ within / (len(bank) - classes)
    values, vectors = torch.linalg.eigh(covariance)
    yield "none", lambda x: x
    yield "centred", lambda x: x - bank.mean(0)
    for share in SHRINKAGES:
        shrunk = (1 - share) * values + share * values.mean()
        whiten = (vectors / shrunk.sqrt()) @ vectors.T
        yield f"whitened, shrinkage {share}", lambda x, w=whiten: x @ w


def fitted(bank: Tensor, labels: Tensor, classes: int, rate: float) -> Tensor:
    """Class directions after full-batch SGD from the class means."""
    counts = torch.bincount(labels, minlength=classes)
    weight = F.normalize(class_means(bank, labels, classes), dim=1).requires_grad_()
    optimiser = torch.optim.SGD([weight], lr=rate or 1.0, momentum=0.9)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    for _ in range(STEPS if rate else 0):
        cosines = F.normalize(bank, dim=1) @ F.normalize(weight, dim=1).T
        optimiser.zero_grad()
        logit_adjustment(cosines, labels, counts).mean().backward()
        optimiser.step()
        schedule.step()
    return F.normalize(weight.detach(), dim=1)


def main() -> None:
    """Write the table."""
    name, out, *sets = sys.argv[1:]
    backbone, rows = load_backbone(name), []
    for place in sets:
        train, test = (load_images(place, split, 64, 0.0) for split in ("train", "test"))
        bank, asked = features(backbone, train.pixels), features(backbone, test.pixels)
        classes = int(train.labels.max()) + 1
        few = torch.bincount(train.labels) <= 10
        for kind in bank:
            for done, change in maps(bank[kind], train.labels, classes):
                for rate in RATES:
                    weight = fitted(change(bank[kind]), train.labels, classes, rate)
                    right = (F.normalize(change(asked[kind]), dim=1) @ weight.T).argmax(1)
                    right = (right == test.labels).float()
                    by_class = torch.stack([right[test.labels == c].mean() for c in range(classes)])
                    rows.append(
                        {
                            "backbone": name.split("/")[-1],
                            "set": Path(place).name,
                            "feature": kind,
                            "map": done,
                            "rate": rate,
                            "overall": f"{100 * float(right.mean()):.2f}",
                            "macro": f"{100 * float(by_class.mean()):.2f}",
                            "up_to_10_images": f"{100 * float(by_class[few].mean()):.2f}",
                        }
                    )
    write_text(Path(out), csv_text(rows))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
