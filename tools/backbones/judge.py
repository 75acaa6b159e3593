"""Measure what a backbone's features are worth on classes that no training has seen.

    python -m tools.backbones.judge BACKBONE DATA [--per-class 20 --test-per-class 5]

Prints the accuracy of 20-NN, of the nearest class mean and of a linear probe, by the class token
after the final norm, and with `--patches` by class token and mean patch token. Images are squashed
to the backbone's input size.
"""

import argparse
import json

import torch
from tools.pretrain.images import Images, load_images
from tools.pretrain.measure import probe
from torch import Tensor

from lpt.backbones import load_backbone
from lpt.evaluation.knn import class_mean_accuracy, knn_accuracy
from lpt.machine.allocator import reuse_memory
from lpt.training.run.device_setup import make_accelerator

from .folder import run_tool
from .student import joint
from .targets import teacher_tokens

__all__ = ["judge", "main"]

SOURCE_SIZE = 64
"""Side to which images are decoded; that of Tiny ImageNet."""


def judge(bank: Tensor, labels: Tensor, asked: Tensor, truth: Tensor) -> dict[str, float]:
    """Accuracies in percent of features (n, D) with their labels (n,)."""
    found = {
        "20nn": knn_accuracy(bank, labels, asked, truth),
        "class_means": class_mean_accuracy(bank, labels, asked, truth),
        "linear_probe": probe(bank, labels, asked, truth),
    }
    return {name: round(100 * value, 2) for name, value in found.items()}


def main(arguments: list[str] | None = None) -> None:
    """Compute features of both splits and print the accuracies as JSON."""
    asked = _parser().parse_args(arguments)
    reuse_memory()
    if asked.threads:
        torch.set_num_threads(asked.threads)
    accelerator = make_accelerator(asked.precision)
    backbone = load_backbone(asked.backbone)
    model = backbone.model.to(accelerator.device)
    train = load_images(asked.data, "train", SOURCE_SIZE, 0.0).some(asked.per_class)
    test = load_images(asked.data, "test", SOURCE_SIZE).some(asked.test_per_class)

    def tokens(images: Images) -> list[Tensor]:
        parts = []
        for pixels in images.pixels.split(125):
            both = teacher_tokens(model, backbone.spec, pixels, accelerator)
            parts.append([both[:, 0], joint(both)])
        return [torch.cat(part) for part in zip(*parts, strict=True)]

    bank, features = tokens(train), tokens(test)
    kinds = {"class_token": 0, "class_and_patches": 1} if asked.patches else {"class_token": 0}
    for name, kind in kinds.items():
        found = judge(bank[kind], train.labels, features[kind], test.labels)
        print(json.dumps({"features": name, "train": len(train), "test": len(test), **found}))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="judge", description=(__doc__ or "").split("\n")[0])
    add = parser.add_argument
    add("backbone", help="any name that --backbone takes")
    add("data", help="data with train and test splits")
    add("--per-class", type=int, default=0, help="first training images of a class; 0: all")
    add("--test-per-class", type=int, default=0, help="first test images of a class; 0: all")
    add("--patches", action="store_true", help="also class token and mean patch token")
    add("--precision", default="float32", help="auto, float32 or bf16")
    add("--threads", type=int, default=0, help="of the CPU; 0: torch's choice")
    return parser


if __name__ == "__main__":
    run_tool(main)
