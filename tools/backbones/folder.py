"""Backbones as these tools read and write them, and the classes that no training may see."""

import csv
import sys
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from timm.models.vision_transformer import VisionTransformer
from tools.pretrain.images import Images, load_images
from torch import Tensor, nn

from lpt.backbones import load_backbone
from lpt.backbones.linear import FrozenLinear
from lpt.backbones.spec import BackboneSpec
from lpt.data.sources.open_data import open_data
from lpt.errors import DataError, LptError
from lpt.files.atomic_files import write_atomic, write_json

__all__ = ["Description", "held_out", "run_tool", "trainable", "training_images", "write_backbone"]

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Description:
    """What config.json states: timm's architecture, blocks, input size and preprocessing."""

    architecture: str
    depth: int
    size: int
    mean: tuple[float, ...] = IMAGENET[0]
    std: tuple[float, ...] = IMAGENET[1]

    def config(self) -> dict[str, Any]:
        """The content of config.json, in timm's form."""
        return {
            "architecture": self.architecture,
            "num_classes": 0,
            "model_args": {"depth": self.depth, "img_size": self.size, "num_classes": 0},
            "pretrained_cfg": {
                "input_size": [3, self.size, self.size],
                "mean": list(self.mean),
                "std": list(self.std),
                "interpolation": "bicubic",
                "num_classes": 0,
                "crop_pct": 1.0,
            },
        }


def write_backbone(folder: Path, tensors: Mapping[str, Tensor], description: Description) -> None:
    """Write a backbone folder, in float16."""
    halves = {name: t.detach().cpu().half().contiguous() for name, t in tensors.items()}
    write_atomic(folder / "model.safetensors", lambda path: save_file(halves, path))
    write_json(folder / "config.json", description.config())


def trainable(name: str, size: int | None = None) -> tuple[VisionTransformer, BackboneSpec]:
    """A backbone whose weights can be trained, and its spec."""
    frozen = load_backbone(name, image_size=size)
    model = deepcopy(frozen.model)
    for key, module in list(model.named_modules()):
        if isinstance(module, FrozenLinear):
            linear = nn.Linear(
                module.in_features, module.out_features, bias=module.bias is not None
            )
            linear.load_state_dict(module.state_dict())
            model.set_submodule(key, linear)
    model.requires_grad_(True)
    for block in model.blocks:  # torch's fused attention is slow in bf16 on CPUs
        block.attn.fused_attn = torch.cuda.is_available()
    return model.train(), frozen.spec


def training_images(data: str, size: int) -> Images:
    """The training images of a data set, if none of its classes is held out.

    A tenth is left out where the data has no validation images, as in `lpt train`.

    Raises: DataError naming a class that the backbones are judged on.
    """
    refuse_held_out(data, open_data(data).class_names)
    return load_images(data, "train", size)


def held_out() -> dict[str, str]:
    """WordNet ids and names of the classes that backbones are judged on."""
    with Path(__file__).with_name("held_out.csv").open(encoding="utf-8", newline="") as file:
        return {row["wnid"]: row["name"] for row in csv.DictReader(file)}


def refuse_held_out(data: str, names: Iterable[str]) -> None:
    """Raise DataError if a class is held out, by its WordNet id or its name."""
    held = held_out()
    plain = {name.split(" [")[0].lower() for name in held.values()}
    for name in names:
        if any(wnid in name for wnid in held) or name.lower() in plain:
            raise DataError(
                f"{data}: has the class {name}, which backbones are judged on "
                "(tools/backbones/held_out.csv).",
                "Train on other classes.",
            )


def run_tool(main: Callable[[], None]) -> None:
    """Run a tool; an error that the user can act on is one line and exit code 2."""
    try:
        main()
    except LptError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
