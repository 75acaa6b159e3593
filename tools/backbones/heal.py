"""Continue training a backbone on a labelled set, without blocks that another training ruined.

    python -m tools.backbones.heal BACKBONE DATA OUT [--blocks 11] [--size 112]

A linear head on class token and mean patch token together learns the labels. With `--teach`, a
head on the class token alone learns from its predictions: patch tokens know more. OUT/backbone
becomes a backbone folder in float16: of the way from the first weights to the averaged trained
ones, it goes 60 % (`--way`), which keeps more of what the labels do not ask for (Wortsman et al.,
CVPR 2022). A run that was stopped is resumed; one that has ended only writes the folder again.
"""

import argparse
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from jaxtyping import Float
from sklearn.linear_model import LogisticRegression
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
from .targets import teacher_tokens

__all__ = ["HealLoss", "main"]

SOURCE_SIZE = 64
SMOOTHING = 0.1
PROBED = 20
"""Images per class that the heads are fitted to before training."""
CROPS = (0.3, 1.0)


class HealLoss(nn.Module):
    """A backbone with its heads, and the loss of a step.

    Args:
        network: the backbone, without a head.
        spec: its preprocessing and input size.
        images: labelled images in memory.
        batch: images per step.
        teach: weight of the divergence from the predictions of both tokens to those of the class
            token alone; 0 for none.
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
        teach: float,
        mix: float,
        jitter: float,
        seed: int,
    ) -> None:
        super().__init__()
        self.network, self.spec, self.images = network, spec, images
        self.accelerator, self.batch, self.seed = accelerator, batch, seed
        self.teach, self.jitter = teach, jitter
        self.stage = Stage(spec.image_size, 0, CROPS, mix)
        classes = int(images.labels.max()) + 1
        width = network.embed_dim
        self.both = nn.Linear(2 * width, classes)
        self.alone = nn.Linear(width, classes) if teach else None

    @torch.no_grad()
    def fit_heads(self) -> None:
        """Fit the heads to features of some images, so that training starts from the features.

        Heads that start at zero send gradients in directions that mean nothing at first, and an
        optimiser that normalises steps follows them at full speed (Kumar et al., ICLR 2022).
        """
        chosen = self.images.some(PROBED)
        parts = []
        for pixels in chosen.pixels.split(125):
            tokens = teacher_tokens(self.network, self.spec, pixels, self.accelerator)
            parts.append(_pair(tokens))
        features = torch.cat(parts).numpy()
        _fit(self.both, features, chosen.labels)
        if self.alone is not None:
            _fit(self.alone, features[:, : self.alone.in_features], chosen.labels)

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
            scores = self.both(_pair(tokens)).float()
            alone = None if self.alone is None else self.alone(tokens[:, 0]).float()
        loss = _of_labels(scores, blend)
        if alone is not None:
            wanted = scores.detach().softmax(-1)
            divergence = F.kl_div(alone.log_softmax(-1), wanted, reduction="batchmean")
            loss = loss + self.teach * divergence
        return loss


def _part_way(
    first: dict[str, Tensor], trained: dict[str, Tensor], share: float
) -> dict[str, Tensor]:
    """Interpolate between weights."""
    return {k: v.cpu().float().lerp(trained[k].cpu().float(), share) for k, v in first.items()}


def _pair(tokens: Float[Tensor, "B tokens D"]) -> Float[Tensor, "B 2D"]:
    """Class token and mean patch token, side by side."""
    return torch.cat([tokens[:, 0], tokens[:, 1:].mean(1)], dim=1)


def _fit(head: nn.Linear, features: npt.NDArray[np.float32], labels: Tensor) -> None:
    """Set the weights of a head to those of a logistic regression."""
    probe = LogisticRegression(C=0.1, max_iter=300)
    probe.fit(features, labels.numpy())
    weight, bias = probe.coef_, probe.intercept_
    if len(probe.classes_) == 2:  # scikit-learn keeps the second class only
        weight, bias = np.concatenate([-weight, weight]), np.concatenate([-bias, bias])
    head.weight.copy_(torch.from_numpy(weight))
    head.bias.copy_(torch.from_numpy(bias))


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
    first = {name: weight.clone() for name, weight in network.state_dict().items()}
    images = training_images(asked.data, SOURCE_SIZE)
    model = HealLoss(
        network,
        spec,
        images,
        accelerator,
        batch=asked.batch,
        teach=asked.teach,
        mix=asked.mix,
        jitter=asked.jitter,
        seed=asked.seed,
    ).to(accelerator.device)
    model.fit_heads()
    groups = param_groups_layer_decay(
        network, weight_decay=asked.weight_decay, layer_decay=asked.layer_decay
    )
    for group in groups:
        group["lr"] = asked.rate * group.pop("lr_scale")
    heads = [head for head in (model.both, model.alone) if head is not None]
    groups.append({"params": [p for h in heads for p in h.parameters()], "weight_decay": 0.0})
    optimizer = torch.optim.AdamW(groups, lr=asked.rate)
    steps = asked.steps or asked.epochs * (len(images) // asked.batch)
    pace = Pace(steps, asked.batch, warmup=0.1, decay=1.0, ema=asked.ema)
    unset = ("out", "threads", "data", "backbone", "way")
    settings = {k: v for k, v in vars(asked).items() if k not in unset} | asdict(pace)
    settings["weights"] = spec.sha256
    Loop(model, [optimizer], model, pace, settings, asked.out, clip=1.0).run()
    description = Description(
        architecture.partition(".")[0], len(network.blocks), spec.image_size, spec.mean, spec.std
    )
    weights = _part_way(first, network.state_dict(), asked.way)
    write_backbone(asked.out / "backbone", weights, description)
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
    add("--teach", type=float, default=0.0, help="how much the class token learns from both")
    add("--mix", type=float, default=0.0, help="share of the steps that blend images")
    add("--way", type=float, default=0.6, help="share of the way from the first weights")
    add("--jitter", type=float, default=0.2, help="change of brightness, contrast, saturation")
    add("--precision", default="auto", help="auto, float32 or bf16")
    add("--threads", type=int, default=0, help="of the CPU; 0: torch's choice")
    add("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    run_tool(main)
