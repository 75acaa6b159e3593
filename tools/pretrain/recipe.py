"""What is trained how long: the stages and numbers of a pretraining run."""

from dataclasses import dataclass, replace

__all__ = ["RECIPES", "Recipe", "Stage", "trapezoid"]


@dataclass(frozen=True)
class Stage:
    """A stretch of training at one input size.

    Attributes:
        image_size: pixels; tokens, and so cost, grow with its square.
        crops: images seen.
        crop_scale: smallest and largest area of a random crop.
        mix: share of the steps that blend images (Mixup and CutMix in turn).
    """

    image_size: int
    crops: int
    crop_scale: tuple[float, float] = (0.35, 1.0)
    mix: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """A pretraining run.

    Attributes:
        stages: in order; the learning rate rises over `warmup` of all steps, stays, and falls
            linearly to zero over the last `decay` of them.
        batch: images a step.
        micro_batch: images a pass; gradients add up, the result is the batch's.
        matrix_rate: of Muon, for the matrices of the blocks.
        rate: of AdamW, for everything else.
        smoothing: label smoothing.
        jitter: brightness, contrast and saturation change by up to this share.
        drop_path: share of residual branches left out, rising with depth.
        ema: decay a step of the averaged weights, which are what is kept.
        hold_out: training images of each class kept for measuring instead of learning.
    """

    stages: tuple[Stage, ...]
    batch: int = 256
    micro_batch: int = 256
    matrix_rate: float = 0.003
    rate: float = 0.003
    weight_decay: float = 0.05
    smoothing: float = 0.1
    jitter: float = 0.3
    drop_path: float = 0.0
    warmup: float = 0.03
    decay: float = 0.7
    ema: float = 0.998
    hold_out: int = 0
    seed: int = 0

    def scaled(self, share: float) -> "Recipe":
        """The same recipe with every stage shorter or longer."""
        stages = (replace(s, crops=int(s.crops * share)) for s in self.stages)
        return replace(self, stages=tuple(stages))


RECIPES = {
    "cpu": Recipe(
        stages=(
            Stage(32, 700_000),
            Stage(48, 400_000),
            Stage(64, 240_000),
            Stage(64, 50_000, crop_scale=(0.7, 1.0)),
        ),
    ),
    "gpu": Recipe(
        stages=(
            Stage(32, 6_000_000, crop_scale=(0.25, 1.0), mix=0.8),
            Stage(64, 18_000_000, crop_scale=(0.2, 1.0), mix=0.8),
            Stage(64, 500_000, crop_scale=(0.7, 1.0)),
        ),
        batch=1024,
        micro_batch=1024,
        matrix_rate=0.004,
        jitter=0.4,
        drop_path=0.1,
        ema=0.9995,
    ),
}
"""By device: an hour and a half of two CPU cores with bf16; twenty minutes of an H200."""


def trapezoid(done: float, warmup: float, decay: float) -> float:
    """Learning rate as a share of its peak: up, level, down to zero."""
    return min(1.0, (done + 1e-3) / warmup, (1 - done) / decay)
