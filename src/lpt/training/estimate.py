"""Estimates how long a run takes, from times that were measured on this machine."""

from dataclasses import dataclass

import numpy as np

from lpt.config import PhaseConfig, RunConfig
from lpt.data.sampling import steps_per_epoch
from lpt.training.phases.phase import Phase

__all__ = [
    "Pace",
    "PhasePace",
    "cache_seconds",
    "epoch_seconds",
    "images_of",
    "init_seconds",
    "run_seconds",
    "seconds_after",
    "step_seconds",
    "trained",
]


@dataclass(frozen=True)
class PhasePace:
    """Measured times of one phase on one machine, in seconds.

    Attributes:
        phase: the phase that was timed.
        step: duration of one step on augmented images.
        image: duration of predicting one image.
        view: duration of computing one cached view of one image; 0 if the phase cannot cache any.
        cached_step: duration of one step on cached views; 0 likewise.
        exact: duration of predicting one image in float32, for the final scores; None if that is
            the precision of training.
    """

    phase: Phase
    step: float
    image: float
    view: float = 0.0
    cached_step: float = 0.0
    exact: float | None = None


@dataclass(frozen=True)
class Pace:
    """Measured times of a run on one machine, and the size of its data.

    Attributes:
        phases: times of every phase in order.
        class_counts: training images per class.
        val_images, test_images: number of images in these splits.
    """

    phases: tuple[PhasePace, ...]
    class_counts: tuple[int, ...]
    val_images: int
    test_images: int

    @property
    def train_images(self) -> int:
        """Training images of all classes."""
        return sum(self.class_counts)


def run_seconds(config: RunConfig, pace: Pace) -> float:
    """Estimate the duration of the whole run in seconds."""
    total = init_seconds(config, pace, config.classifier.init_images_per_class)
    if config.classifier.init == "text":  # the zero-shot scores: validation images twice
        validation = min(pace.val_images, config.data.max_val_images)
        total += (2 * validation + pace.test_images) * pace.phases[0].image
    for times in trained(config, pace):
        epochs = times.phase.section(config).epochs
        total += cache_seconds(config, pace, times)
        total += epochs * epoch_seconds(config, pace, times) + _final(config, pace, times)
    return total


def seconds_after(config: RunConfig, pace: Pace, phase: Phase) -> tuple[float, float]:
    """Estimate what follows the training of a phase.

    Returns: the seconds that cannot be cut (initialisation and cached views of later phases, class
        means, final scores), and those of the epochs of later phases.
    """
    most = config.classifier.init_images_per_class
    later = [t for t in trained(config, pace) if t.phase.index > phase.index]
    fixed = init_seconds(config, pace, most, after=phase)
    fixed += sum(cache_seconds(config, pace, times) for times in later)
    fixed += sum(_final(config, pace, times) for times in trained(config, pace))
    epochs = sum(epoch_seconds(config, pace, t) * t.phase.section(config).epochs for t in later)
    return fixed, epochs


def cache_seconds(config: RunConfig, pace: Pace, times: PhasePace) -> float:
    """Estimate the time that cached views take."""
    return (times.phase.cached_views(config) or 0) * pace.train_images * times.view


def step_seconds(config: RunConfig, times: PhasePace) -> float:
    """Estimate the time of one step."""
    return times.cached_step if times.phase.cached_views(config) else times.step


def epoch_seconds(config: RunConfig, pace: Pace, times: PhasePace) -> float:
    """Estimate the time of one epoch, validation included."""
    section = times.phase.section(config)
    steps = steps_per_epoch(images_of(section, pace), section.batch_size)
    validation = min(pace.val_images, config.data.max_val_images) * times.image
    return steps * step_seconds(config, times) + validation


def _final(config: RunConfig, pace: Pace, times: PhasePace) -> float:
    """The final scores of the model after a phase."""
    images = min(pace.val_images, config.data.max_val_images) + pace.test_images
    return images * (times.image if times.exact is None else times.exact)


def trained(config: RunConfig, pace: Pace) -> list[PhasePace]:
    """Return the times of the phases that a run has."""
    return [times for times in pace.phases if times.phase.is_trained(config)]


def init_seconds(
    config: RunConfig, pace: Pace, images_per_class: int, after: Phase | None = None
) -> float:
    """Estimate the time of initialisations, of class means after each phase, and of early matching.

    Args:
        after: only those after the training of this phase.
    """
    means = config.classifier.mean_weight > 0
    distilled = config.prompts.match != "exact"
    per_image = 0.0
    for times in trained(config, pace):
        before = pace.phases[max(0, times.phase.index - 1)]  # its model computes the initialisation
        if after is None or times.phase.index > after.index:
            per_image += times.phase.start_passes(config) * before.image
        if after is None or times.phase.index >= after.index:
            per_image += means * times.image
        if distilled and times.phase.number == 2:
            per_image += times.image if times.exact is None else times.exact
    return float(per_image * np.minimum(pace.class_counts, images_per_class).sum())


def images_of(section: PhaseConfig, pace: Pace) -> int:
    """Return the images per epoch and branch."""
    return min(pace.train_images, section.epoch_images or pace.train_images)
