"""What the student learns: the teacher's features in its own class token, and every patch token."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from jaxtyping import Float, Int
from timm.models.vision_transformer import VisionTransformer
from tools.pretrain.images import colour
from torch import Tensor, nn

from lpt.data.sampling import random_stream

from .loop import rows_of_step

__all__ = ["DistillLoss", "Targets", "Whitening", "joint", "student_tokens"]


def joint(tokens: Float[Tensor, "n tokens D"]) -> Float[Tensor, "n 2D"]:
    """Class token and mean patch token, each of unit length, side by side."""
    parts = tokens[:, 0].float(), tokens[:, 1:].float().mean(1)
    return torch.cat([F.normalize(part, dim=-1) for part in parts], dim=-1)


@dataclass(frozen=True)
class Whitening:
    """The leading principal components of joint features, brought partly to one scale.

    With `power` 0 they keep their scale, and with 1 all have the same. In between, neighbours
    agree most with classes.
    """

    mean: Float[Tensor, " D2"]
    matrix: Float[Tensor, "D2 width"]

    @classmethod
    def of(cls, features: Float[Tensor, "n D2"], width: int, power: float) -> "Whitening":
        """Those of some features."""
        mean = features.mean(0)
        centred = features - mean
        values, vectors = torch.linalg.eigh(centred.T @ centred / len(features))
        values, vectors = values.flip(0)[:width], vectors.flip(1)[:, :width]
        return cls(mean, vectors * values.clamp_min(1e-12) ** (-power / 2))

    def __call__(self, features: Float[Tensor, "n D2"]) -> Float[Tensor, "n width"]:
        return F.normalize((features - self.mean) @ self.matrix, dim=-1)


class Targets:
    """Crops and teacher tokens on disk, and the class token's target for each."""

    def __init__(self, folder: Path, crops: int, width: int, power: float) -> None:
        self.crops = np.load(folder / "crops.npy", mmap_mode="r")[:crops]
        self.tokens = np.load(folder / "tokens.npy", mmap_mode="r")[:crops]
        parts, sums = [], torch.zeros(self.tokens.shape[2])
        for start in range(0, crops, 1000):
            tokens = torch.from_numpy(np.array(self.tokens[start : start + 1000])).float()
            parts.append(joint(tokens))
            sums = sums + tokens[:, 1:].sum((0, 1))
        features = torch.cat(parts)
        self.whitening = Whitening.of(features, width, power)
        self.wanted = self.whitening(features)
        self.patch_mean = sums / (crops * (self.tokens.shape[1] - 1))

    def __len__(self) -> int:
        return len(self.crops)


def student_tokens(
    network: VisionTransformer,
    images: Float[Tensor, "B 3 H H"],
    kept: Int[Tensor, " k"] | None = None,
) -> Float[Tensor, "B tokens D"]:
    """Class token and patch tokens after the final norm; only the patches `kept`, if given."""
    tokens = network._pos_embed(network.patch_embed(images))
    if kept is not None:
        tokens = torch.cat([tokens[:, :1], tokens[:, 1:][:, kept]], dim=1)
    return network.norm(network.blocks(network.norm_pre(tokens)))


class DistillLoss(nn.Module):
    """The student with its patch head, and the loss of a step.

    Args:
        network: the student, without a head.
        keep: share of patch tokens that the student sees, before `full_from`.
        full_from: step from which it sees all of them.
        patch_weight: of the loss on patch tokens beside the class token's.
        jitter: see `tools.pretrain.images.colour`.
    """

    def __init__(
        self,
        network: VisionTransformer,
        targets: Targets,
        accelerator: Accelerator,
        *,
        batch: int,
        keep: float,
        full_from: int,
        patch_weight: float,
        jitter: float,
        seed: int,
    ) -> None:
        super().__init__()
        self.network, self.targets, self.accelerator = network, targets, accelerator
        width = targets.tokens.shape[2]
        self.patch_head = nn.Linear(network.embed_dim, width)
        nn.init.normal_(
            self.patch_head.weight, std=0.02, generator=torch.Generator().manual_seed(seed)
        )
        nn.init.zeros_(self.patch_head.bias)
        self.batch, self.keep, self.full_from = batch, keep, full_from
        self.patch_weight, self.jitter, self.seed = patch_weight, jitter, seed

    def forward(self, step: int) -> Tensor:
        """The loss of a step: one minus the cosine, of class tokens and of patch tokens."""
        seed = int(random_stream(self.seed, 4, step).integers(2**62))
        random, device = torch.Generator().manual_seed(seed), self.accelerator.device
        rows = rows_of_step(self.seed, step, len(self.targets), self.batch)
        images = torch.from_numpy(self.targets.crops[rows]).float() / 127.5 - 1
        patches = torch.from_numpy(self.targets.tokens[rows, 1:])
        grid = patches.unflatten(1, (int(patches.shape[1] ** 0.5),) * 2)
        mirrored = (torch.rand(len(rows), generator=random) < 0.5).view(-1, 1, 1, 1)
        images = torch.where(mirrored, images.flip(3), images)
        patches = torch.where(mirrored, grid.flip(2), grid).flatten(1, 2)
        if self.jitter:
            images = colour(images, self.jitter, random)
        kept = None
        if self.keep < 1 and step < self.full_from:
            kept = torch.randperm(patches.shape[1], generator=random)
            kept = kept[: int(self.keep * len(kept))].sort().values
            patches = patches[:, kept]
        with self.accelerator.autocast():
            tokens = student_tokens(self.network, images.to(device), kept)
            guessed = self.patch_head(tokens[:, 1:])
        wanted = self.targets.wanted[torch.from_numpy(rows)].to(device)
        of_class = 1 - F.cosine_similarity(tokens[:, 0].float(), wanted, dim=-1).mean()
        patches = (patches.float() - self.targets.patch_mean).to(device)
        of_patches = 1 - F.cosine_similarity(guessed.float(), patches, dim=-1).mean()
        return of_class + self.patch_weight * of_patches
