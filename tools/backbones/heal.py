"""Continue training a backbone on a labelled set, without blocks that another training ruined.

    python -m tools.backbones.heal BACKBONE DATA OUT [--blocks 11] [--size 112]

The class token and the mean patch token each have a linear head for the labels, and the class
token's head also learns from the other's predictions: patch tokens know more. OUT/backbone becomes
a backbone folder with the averaged weights in float16; a run that was stopped is resumed.
"""

import argparse
from dataclasses import asdict
from pathlib import Path

import torch
import torch.nn.functional as F
from accelerate import Accelerator
from jaxtyping import Float
from timm.models.vision_transformer import VisionTransformer
from timm.optim import param_groups_layer_decay
from tools.pretrain.images import Images, Mixed, augment
from tools.pretrain.recipe import Stage
from torch import Tensor, nn

from lpt.backbones.names import find_source
from lpt.backbones.spec import BackboneSpec
from lpt.data.sampling import random_stream
from lpt.errors import BackboneError
from lpt.machine.allocator import reuse_memory
from lpt.training.run.device_setup import make_accelerator

from .folder import Description, run_tool, trainable, training_images, write_backbone
from .loop import Loop, Pace, rows_of_step

__all__ = ["HealLoss", "main"]

SOURCE_SIZE = 64
SMOOTHING = 0.1
CROPS = (0.3, 1.0)


class HealLoss(nn.Module):
    """A backbone with two heads, and the loss of a step.

    Args:
        network: the backbone, without a head.
        spec: its preprocessing and input size.
        images: labelled images in memory.
        batch: images per step.
        patch_weight: of the labels' loss of the mean patch token beside the class token's.
        teach: weight of the divergence from the mean patch token's predictions to the class
            token's.
        mix: share of the steps that blend images.
        jitter: see `tools.pretrain.images.colour`.
        seed: of batches and crops.
    """

    def __init__(
        self,
        network: VisionTransformer,
        spec: BackboneSpec,
        images: Images,
        accelerator: Accelerator,
        *,
        batch: int,
        patch_weight: float,
        teach: float,
        mix: float,
        jitter: float,
        seed: int,
    ) -> None:
        super().__init__()
        self.network, self.spec, self.images = network, spec, images
        self.accelerator, self.batch, self.seed = accelerator, batch, seed
        self.patch_weight, self.teach, self.jitter = patch_weight, teach, jitter
        self.stage = Stage(spec.image_size, 0, CROPS, mix)
        classes = int(images.labels.max()) + 1
        self.heads = nn.ModuleDict(
            {name: nn.Linear(network.embed_dim, classes) for name in ("token", "patches")}
        )
        for parameter in self.heads.parameters():
            nn.init.zeros_(parameter)

    def forward(self, step: int) -> Tensor:
        """The loss of a step: cross entropy of both heads, and one learning from the other."""
        device = self.accelerator.device
        rows = torch.from_numpy(rows_of_step(self.seed, step, len(self.images), self.batch))
        seed = int(random_stream(self.seed, 4, step).integers(2**62))
        blend = augment(self.images.take(rows).to(device), self.stage, self.jitter, seed)
        mean, std = (
            torch.tensor(v, device=device).view(3, 1, 1) for v in (self.spec.mean, self.spec.std)
        )
        with self.accelerator.autocast():
            tokens = self.network.forward_features(((blend.images + 1) / 2 - mean) / std)
            scores = {
                "token": self.heads["token"](tokens[:, 0]).float(),
                "patches": self.heads["patches"](tokens[:, 1:].mean(1)).float(),
            }
        loss = _of_labels(scores["token"], blend)
        loss = loss + self.patch_weight * _of_labels(scores["patches"], blend)
        if self.teach:
            better = scores["patches"].detach().softmax(-1)
            guessed = scores["token"].log_softmax(-1)
            loss = loss + self.teach * F.kl_div(guessed, better, reduction="batchmean")
        return loss


def _of_labels(scores: Float[Tensor, "B C"], blend: Mixed) -> Tensor:
    """Cross entropy; both labels of a blended image count by their share."""
    both = (
        F.cross_entropy(scores, labels, label_smoothing=SMOOTHING)
        for labels in (blend.labels, blend.partner)
    )
    first, second = both
    return blend.share * first + (1 - blend.share) * second


def main(arguments: list[str] | None = None) -> None:
    """Train and write the backbone folder."""
    asked = _parser().parse_args(arguments)
    reuse_memory()
    if asked.threads:
        torch.set_num_threads(asked.threads)
    accelerator = make_accelerator(asked.precision)
    architecture = find_source(asked.backbone).architecture
    if architecture is None:
        raise BackboneError(f"{asked.backbone}: no timm name. Give a folder with config.json.")
    network, spec = trainable(asked.backbone, asked.size or None)
    if asked.blocks:
        network.blocks = network.blocks[: asked.blocks]
    images = training_images(asked.data, SOURCE_SIZE)
    model = HealLoss(
        network,
        spec,
        images,
        accelerator,
        batch=asked.batch,
        patch_weight=asked.patch_weight,
        teach=asked.teach,
        mix=asked.mix,
        jitter=asked.jitter,
        seed=asked.seed,
    ).to(accelerator.device)
    groups = param_groups_layer_decay(
        network, weight_decay=asked.weight_decay, layer_decay=asked.layer_decay
    )
    for group in groups:
        group["lr"] = asked.rate * group.pop("lr_scale")
    groups.append({"params": list(model.heads.parameters()), "weight_decay": 0.0})
    optimizer = torch.optim.AdamW(groups, lr=asked.rate)
    steps = asked.steps or asked.epochs * (len(images) // asked.batch)
    pace = Pace(steps, asked.batch, warmup=0.1, decay=1.0, ema=asked.ema)
    unset = ("out", "threads", "data", "backbone")
    settings = {k: v for k, v in vars(asked).items() if k not in unset} | asdict(pace)
    settings["weights"] = spec.sha256
    Loop(model, [optimizer], model, pace, settings, asked.out, clip=1.0).run()
    description = Description(
        architecture.partition(".")[0], len(network.blocks), spec.image_size, spec.mean, spec.std
    )
    write_backbone(asked.out / "backbone", network.state_dict(), description)
    print(f"wrote {asked.out / 'backbone'}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="heal", description=(__doc__ or "").split("\n")[0])
    add = parser.add_argument
    add("backbone", help="where training starts: a folder with config.json, or a timm name")
    add("data", help="labelled images; a class that backbones are judged on is refused")
    add("out", type=Path, help="folder of the run; an existing run is resumed")
    add("--blocks", type=int, default=11, help="blocks that are kept; 0: all")
    add("--size", type=int, default=112, help="input side; 0: the backbone's own")
    add("--epochs", type=int, default=2)
    add("--steps", type=int, default=0, help="optimiser steps, instead of --epochs")
    add("--batch", type=int, default=64)
    add("--rate", type=float, default=3e-4, help="learning rate of the last block and the heads")
    add("--layer-decay", type=float, default=0.8, help="factor of it per block towards the input")
    add("--weight-decay", type=float, default=0.05)
    add("--ema", type=float, default=0.998, help="decay per step of the averaged weights")
    add("--patch-weight", type=float, default=1.0, help="weight of the mean patch token's labels")
    add("--teach", type=float, default=1.0, help="how much the class token learns from patches")
    add("--mix", type=float, default=0.0, help="share of the steps that blend images")
    add("--jitter", type=float, default=0.2, help="change of brightness, contrast, saturation")
    add("--precision", default="auto", help="auto, float32 or bf16")
    add("--threads", type=int, default=0, help="of the CPU; 0: torch's choice")
    add("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    run_tool(main)
