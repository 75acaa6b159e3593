"""Sound inputs that targets damage: pictures, a tiny backbone, and a finished run; made once."""

import copy
import io
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from timm.models.vision_transformer import VisionTransformer

import lpt
from lpt.config import recipes
from lpt.config.strict_yaml import Document, read_yaml

__all__ = ["backbone_file", "picture", "run_folder"]

_KEPT = tempfile.TemporaryDirectory(prefix="fuzz-samples-")

SETTINGS = {
    "phase1.epochs": 1,
    "phase2.epochs": 1,
    "phase1.batch_size": 4,
    "phase2.batch_size": 4,
    "prompts.length": 2,
    "prompts.pool_size": 3,
    "precision": "float32",
}


@cache
def picture(number: int, kind: str = "PNG", size: int = 16) -> bytes:
    """Return an encoded picture."""
    pixels = np.random.default_rng(number).integers(0, 255, (size, size, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


@cache
def backbone_file() -> Path:
    """Return a ViT of width 16 with random weights as a safetensors file."""
    path = Path(_KEPT.name) / "vit.safetensors"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        vit = VisionTransformer(
            img_size=16, patch_size=8, embed_dim=16, depth=2, num_heads=2, num_classes=0
        )
    save_file({k: v.contiguous() for k, v in vit.state_dict().items()}, path, {"num_heads": "2"})
    return path


@cache
def run_folder() -> Path:
    """Return a finished run on twelve pictures of two classes.

    From then on, its config.yaml is not parsed again where it is unchanged, which would take most
    of the time of damage to other files.
    """
    root = Path(_KEPT.name)
    for c, name in enumerate(("ant", "bee")):
        (root / "photos" / name).mkdir(parents=True)
        for i in range(12):
            (root / "photos" / name / f"{i}.png").write_bytes(picture(100 * c + i))
    settings = {**SETTINGS, "backbone": str(backbone_file())}
    lpt.train(root / "photos", out=root / "run", settings=settings, device="cpu")
    text = (root / "run" / "config.yaml").read_text(encoding="utf-8")
    known = read_yaml(text)

    def read(given: str) -> Document:
        if given == text:
            return Document(copy.deepcopy(known.value), known.lines)
        return read_yaml(given)

    vars(recipes)["read_yaml"] = read
    return root / "run"
