"""Memory of frozen weights and of a training step, for backbones larger than this machine.

    python -m tools.scale.backbone_memory OUT.csv --images 64

Parameters are counted without memory. All blocks of a ViT keep the same activations, so those of a
whole backbone follow from steps of two shallow ones with random weights: phase 1, float32, the
prompts of the default recipe. bf16 keeps less. Peak: weights and activations; libraries, loaded
images and trainable parameters (megabytes) are not in it.
"""

import argparse
import csv
import sys
from pathlib import Path
from typing import Any, get_args

import timm
import torch
import torch.nn.functional as F
from torch import nn

from lpt.backbones import FrozenViT
from lpt.backbones.compact.weight_type import WeightType
from lpt.backbones.towers.feature import chosen_feature
from lpt.config import load_config
from lpt.model.two_pass import LongTailedPromptModel
from lpt.training.phases.build_stages import build_model
from lpt.training.plan.live_tensors import LiveTensors

__all__ = ["BACKBONES", "activations", "made", "main", "of_depth", "sizes"]

BACKBONES = (
    "vit_small_patch16_224",
    "vit_base_patch16_224",
    "vit_large_patch16_224",
    "vit_giant_patch14_dinov2",
)
SIDE = 224
CLASSES = 1000
DEPTHS = (2, 4)
IMAGES = (8, 16)
"""Of fewer images, a peak can be elsewhere in the step, and does not grow as it does here."""


def made(name: str, **changes: int) -> FrozenViT:
    """Make a backbone with random weights, or without any in the context of the meta device."""
    model: nn.Module = timm.create_model(name, img_size=SIDE, num_classes=0, **changes)
    return FrozenViT(model, chosen_feature(model, "auto"))


def sizes(backbone: FrozenViT) -> dict[str, int]:
    """Return the parameters of a backbone, and the bytes of its weights in each number type."""
    found = {"parameters": sum(p.numel() for p in backbone.parameters())}
    for kind in get_args(WeightType):
        backbone.keep_weights(kind)
        found[kind] = backbone.weight_bytes
    return found


def activations(model: LongTailedPromptModel, images: int) -> int:
    """Return the bytes of the tensors of a step of phase 1, when there are most of them."""
    side = model.backbone.model.patch_embed.img_size[0]
    pixels = torch.zeros(images, 3, side, side)
    labels = torch.zeros(images, dtype=torch.long)
    with LiveTensors() as tensors:
        F.cross_entropy(model.phase1(pixels).logits, labels).backward()
    model.zero_grad(set_to_none=True)
    return tensors.peak


def of_depth(name: str, depth: int, images: int, *, again: bool) -> float:
    """Return the activations of a backbone with another number of blocks, for some images."""
    model = build_model(
        load_config().changed({"activation_checkpointing": again}),
        made(name, depth=depth),
        CLASSES,
    )
    few, more = (activations(model, count) for count in IMAGES)
    return few + (more - few) / (IMAGES[1] - IMAGES[0]) * (images - IMAGES[0])


def measure(name: str, images: int) -> dict[str, Any]:
    """Return the row of a backbone."""
    with torch.device("meta"):
        whole = made(name)
        found: dict[str, Any] = {"backbone": name, **sizes(whole), "images": images}
    for column, again in (("activations", False), ("recomputed", True)):
        few, more = (of_depth(name, depth, images, again=again) for depth in DEPTHS)
        block = (more - few) / (DEPTHS[1] - DEPTHS[0])
        found[column] = round(few + block * (whole.depth - DEPTHS[0]))
    return found


def main(arguments: list[str]) -> None:
    """Write a CSV file with a row per backbone."""
    parser = argparse.ArgumentParser(prog="backbone_memory", description=__doc__)
    parser.add_argument("out", type=Path, metavar="OUT.csv")
    parser.add_argument("--images", type=int, default=64, help="computed at once")
    parser.add_argument("--backbones", nargs="+", default=list(BACKBONES))
    given = parser.parse_args(arguments)
    rows = [measure(name, given.images) for name in given.backbones]
    with given.out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main(sys.argv[1:])
