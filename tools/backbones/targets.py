"""A teacher's tokens for fixed crops: computed once, kept on disk, extended where they stopped."""

import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from jaxtyping import Float, UInt8
from timm.models.vision_transformer import VisionTransformer
from tools.pretrain.images import Images, random_crop
from torch import Tensor

from lpt.backbones.spec import BackboneSpec
from lpt.data.sampling import random_stream
from lpt.errors import ConfigError
from lpt.files.atomic_files import write_json

from .folder import trainable

__all__ = ["crops_of", "extend", "teacher_tokens"]

CHUNK = 125
"""Crops that share a random stream and a forward pass."""
BETWEEN_NOTES = 8
"""Chunks after which progress is noted; a killed run repeats at most these."""
WHOLE = 1 / 3
"""Share of the crops that are whole images, as features are asked for in use."""
SMALLEST = 0.35
"""Share of the area of the smallest crop."""


def crops_of(
    pixels: UInt8[Tensor, "n 3 side side"], seed: int, chunk: int
) -> UInt8[Tensor, "n 3 side side"]:
    """One crop of each image, as bytes, so that teacher and student see the same image."""
    random = torch.Generator().manual_seed(int(random_stream(seed, 2, chunk).integers(2**62)))
    cut = random_crop(pixels.float(), pixels.shape[-1], (SMALLEST, 1.0), random, whole=WHOLE)
    return cut.round().clamp(0, 255).to(torch.uint8)


@torch.inference_mode()
def teacher_tokens(
    teacher: VisionTransformer,
    spec: BackboneSpec,
    crops: UInt8[Tensor, "n 3 side side"],
    accelerator: Accelerator,
) -> Float[Tensor, "n tokens D"]:
    """Class token and patch tokens after the final norm, at the teacher's input size."""
    device = accelerator.device
    images = F.interpolate(
        crops.to(device).float() / 255, size=(spec.image_size,) * 2, mode="bicubic"
    )
    mean, std = (torch.tensor(v, device=device).view(3, 1, 1) for v in (spec.mean, spec.std))
    with accelerator.autocast():
        tokens: Tensor = teacher.forward_features((images.clamp(0, 1) - mean) / std)
    return tokens.float().cpu()


def extend(
    folder: Path, images: Images, teacher: str, accelerator: Accelerator, *, crops: int, seed: int
) -> int:
    """Write crops.npy and tokens.npy, in a random order of the images, up to `crops` rows.

    Args:
        folder: of these files; what it has already is kept.
        images: every image gives one crop before any gives a second.
        teacher: name of the backbone.
        crops: rows to have in the end; 0: one for each image.
        seed: of order and crops.
    Returns: the rows to use.
    Raises: ConfigError if the folder has other targets.
    """
    network, spec = trainable(teacher)
    network.to(accelerator.device).eval()
    for block in network.blocks:
        block.attn.fused_attn = True  # faster forward on every device
    count, crops = len(images), crops or len(images)
    rounds = -(-crops // count)
    total = rounds * count
    identity = {"teacher": spec.sha256, "images": count, "rounds": rounds, "seed": seed}
    shapes = {
        "crops": (np.uint8, tuple(images.pixels.shape[1:])),
        "tokens": (np.float16, (1 + spec.num_patches, spec.width)),
    }
    described, noted = folder / "targets.json", folder / "done.txt"
    new = not described.exists()
    if not new and json.loads(described.read_text()) != identity:
        raise ConfigError(f"{folder}: has targets of other images or another teacher. Remove it.")
    folder.mkdir(parents=True, exist_ok=True)
    maps = {
        name: np.lib.format.open_memmap(
            folder / f"{name}.npy", "w+" if new else "r+", dtype=kind, shape=(total, *shape)
        )
        for name, (kind, shape) in shapes.items()
    }
    if new:
        noted.write_text("0")
        write_json(described, identity)
    orders = [random_stream(seed, 3, turn).permutation(count) for turn in range(rounds)]
    order = np.concatenate(orders)
    done = int(noted.read_text())
    while done < crops:
        rows = order[done : done + CHUNK]
        cut = crops_of(images.pixels[rows], seed, done // CHUNK)
        there = slice(done, done + len(rows))
        maps["crops"][there] = cut.numpy()
        maps["tokens"][there] = teacher_tokens(network, spec, cut, accelerator).half().numpy()
        done += len(rows)
        if done >= crops or done // CHUNK % BETWEEN_NOTES == 0:
            for array in maps.values():
                array.flush()
            noted.write_text(str(done))
            print(f"teacher: {done:,} of {crops:,} crops", flush=True)
    return crops
