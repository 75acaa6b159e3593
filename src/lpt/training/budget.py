"""How long a run will take, and how to make it fit a budget."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from lpt.config import PhaseConfig, RunConfig
from lpt.data.sampling import steps_per_epoch
from lpt.errors import ConfigError
from lpt.progress import human_time

__all__ = ["Pace", "fit_budget", "parse_budget", "run_seconds"]

MIN_EPOCHS = 4
"""Epochs a phase that a budget keeps, before it shortens the epochs instead."""

VAL_SHARE = 0.15
"""Largest share of a budget that validation may take."""

MIN_VAL_IMAGES = 100
"""Validation images that a budget keeps; fewer would say little."""

START_SHARE = 0.1
"""Largest share of a budget that the means of classes and the clusters of keys may take."""

MIN_START_IMAGES = 10
"""Images a class that a budget keeps for them; the means of fewer would be noise."""

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Pace:
    """Measured times of one run on one machine, in seconds.

    Attributes:
        step: of one step, by phase: (phase 1, phase 2), both from images.
        cached_step: of one step of phase 2 from cached views.
        view: of computing one cached view of one image.
        image: of predicting one image, by phase.
        class_counts: training images of each class.
        val_images, test_images: of the data at hand.
    """

    step: tuple[float, float]
    cached_step: float
    view: float
    image: tuple[float, float]
    class_counts: tuple[int, ...]
    val_images: int
    test_images: int

    @property
    def train_images(self) -> int:
        """Of all classes."""
        return sum(self.class_counts)


def run_seconds(config: RunConfig, pace: Pace) -> float:
    """Expected seconds of the whole run."""
    total = _start_seconds(config, pace, config.classifier.init_images_per_class)
    if config.phase2.epochs:
        total += config.phase2.cached_views * pace.train_images * pace.view
    for phase, step, image in _phases(config, pace):
        validation = min(pace.val_images, config.data.max_val_images) * image
        steps = steps_per_epoch(_images(phase, pace), phase.batch_size)
        total += phase.epochs * (steps * step + validation)
        total += validation + pace.test_images * image  # at the end
    return total


def fit_budget(config: RunConfig, pace: Pace, seconds: float | None) -> tuple[RunConfig, list[str]]:
    """Cut a run until it fits: validation, then starts, then epochs, then images an epoch.

    Cached views are given up where phase 2 would not look at each of them once on average: then
    they cost more than they save. That is all that happens without a budget.

    Returns: the configuration and, for people, what was cut.
    Raises: ConfigError, naming the least that works, if even one step an epoch does not fit.
    """
    cut_config, cuts = (config, []) if seconds is None else _cut(config, pace, seconds)
    too_long = seconds is not None and run_seconds(cut_config, pace) > seconds
    if config.phase2.cached_views and (too_long or not _cache_pays(cut_config, pace)):
        config = config.changed({"phase2.cached_views": 0})
        cut_config, cuts = (config, []) if seconds is None else _cut(config, pace, seconds)
        cuts = ["no cached views, which would cost more than they save", *cuts]
    needed = run_seconds(cut_config, pace)
    if seconds is not None and needed > seconds:
        raise ConfigError(
            f"--budget {human_time(seconds)}: too short; this data on this machine needs about "
            f"{human_time(math.ceil(needed))} at least. Give more, or a smaller data set."
        )
    return cut_config, cuts


def _cache_pays(config: RunConfig, pace: Pace) -> bool:
    """Whether phase 2 draws more often than views would be computed."""
    phase = config.phase2
    branches = 2 if phase.sampler == "dual" else 1
    draws = (
        phase.epochs * steps_per_epoch(_images(phase, pace), phase.batch_size) * phase.batch_size
    )
    return branches * draws > phase.cached_views * pace.train_images


def _cut(config: RunConfig, pace: Pace, seconds: float) -> tuple[RunConfig, list[str]]:
    """Leave validation and starts their shares; where that is too long, the least of both."""
    for shares in ((VAL_SHARE, START_SHARE), (0.0, 0.0)):
        cut, cuts = config, list[str]()
        for step in (
            partial(_cut_validation, share=shares[0]),
            partial(_cut_starts, share=shares[1]),
            _cut_epochs,
            _cut_images,
        ):
            if run_seconds(cut, pace) > seconds:
                cut = step(cut, pace, seconds, cuts)
        if run_seconds(cut, pace) <= seconds:
            break
    return cut, cuts


def parse_budget(text: str) -> float:
    """Seconds of "90s", "20m", "1.5h"; a bare number is minutes."""
    number, unit = (text[:-1], text[-1:]) if text[-1:] in UNITS else (text, "m")
    try:
        seconds = float(number) * UNITS[unit]
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < 1e9:
        raise ConfigError(f"--budget {text}: write a time such as 90s, 20m or 1.5h.")
    return seconds


def _cut_validation(
    config: RunConfig, pace: Pace, seconds: float, cuts: list[str], share: float
) -> RunConfig:
    one = sum((min(p.epochs, MIN_EPOCHS) + 1) * image for p, _, image in _phases(config, pace))
    wanted = min(pace.val_images, config.data.max_val_images)
    allowed = int(share * seconds / one) if one else wanted
    kept = min(wanted, max(allowed, MIN_VAL_IMAGES))
    if kept == wanted:
        return config
    cuts.append(f"validation on {kept:,} images instead of {wanted:,}")
    return config.changed({"data.max_val_images": kept})


def _cut_starts(
    config: RunConfig, pace: Pace, seconds: float, cuts: list[str], share: float
) -> RunConfig:
    wanted = min(config.classifier.init_images_per_class, max(pace.class_counts))
    fitting = (
        images
        for images in range(wanted, MIN_START_IMAGES, -1)
        if _start_seconds(config, pace, images) <= share * seconds
    )
    kept = next(fitting, min(wanted, MIN_START_IMAGES))
    if kept == wanted or not _start_seconds(config, pace, wanted):
        return config
    cuts.append(f"starts of classifier and keys from {kept} images a class instead of {wanted}")
    return config.changed({"classifier.init_images_per_class": kept})


def _cut_epochs(config: RunConfig, pace: Pace, seconds: float, cuts: list[str]) -> RunConfig:
    def scaled(share: float) -> RunConfig:
        settings = {}
        for name in ("phase1", "phase2"):
            epochs = getattr(config, name).epochs
            settings[f"{name}.epochs"] = min(epochs, max(MIN_EPOCHS, int(epochs * share)))
        return config.changed(settings)

    best = _largest(scaled, pace, seconds)
    for name in ("phase1", "phase2"):
        before, after = getattr(config, name).epochs, getattr(best, name).epochs
        if after < before:
            cuts.append(f"{name}: {after} epochs instead of {before}")
    return best


def _cut_images(config: RunConfig, pace: Pace, seconds: float, cuts: list[str]) -> RunConfig:
    phases = {name: getattr(config, name) for name in ("phase1", "phase2")}
    shown = {name: _images(phase, pace) for name, phase in phases.items()}

    def scaled(share: float) -> RunConfig:
        settings = {
            f"{name}.epoch_images": min(
                shown[name], max(phase.batch_size, int(shown[name] * share))
            )
            for name, phase in phases.items()
        }
        return config.changed(settings)

    best = _largest(scaled, pace, seconds)
    for name, before in shown.items():
        after = getattr(best, name).epoch_images
        if after < before:
            cuts.append(f"{name}: {after:,} images an epoch instead of {before:,}")
    return best


def _largest(scaled: Callable[[float], RunConfig], pace: Pace, seconds: float) -> RunConfig:
    """The run scaled by the largest share that fits, in steps of 2 %; else by 0."""
    least = scaled(0.0)
    if run_seconds(least, pace) <= seconds:
        for share in (0.98**i for i in range(1, 400)):
            config = scaled(share)
            if run_seconds(config, pace) <= seconds:
                return config
    return least


def _phases(config: RunConfig, pace: Pace) -> list[tuple[PhaseConfig, float, float]]:
    """Phases that are trained and scored, each with the seconds of a step and of an image."""
    second = pace.cached_step if config.phase2.cached_views else pace.step[1]
    both = [
        (config.phase1, pace.step[0], pace.image[0]),
        (config.phase2, second, pace.image[1]),
    ]
    return both if config.phase2.epochs else both[:1]


def _start_seconds(config: RunConfig, pace: Pace, images_per_class: int) -> float:
    """Of passes of some images of each class: start of classifier and keys, means at the end."""
    first, second = pace.image
    ends = config.classifier.mean_weight > 0
    an_image = ((config.classifier.init == "class-means") + ends) * first
    if config.phase2.epochs:
        an_image += (config.prompts.key_init == "queries") * first + ends * second
    return float(an_image * np.minimum(pace.class_counts, images_per_class).sum())


def _images(phase: PhaseConfig, pace: Pace) -> int:
    return min(pace.train_images, phase.epoch_images or pace.train_images)
