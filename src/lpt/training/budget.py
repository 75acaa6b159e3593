"""Estimates the duration of a run and cuts the run to fit a time budget."""

from collections.abc import Callable
from functools import partial

from lpt.config import RunConfig
from lpt.data.sampling import steps_per_epoch
from lpt.errors import ParameterError
from lpt.progress import plural
from lpt.training.duration_text import budget_text
from lpt.training.estimate import Pace, images_of, init_seconds, run_seconds, trained
from lpt.training.phases.phase import Phase

__all__ = ["fit_budget"]

MIN_EPOCHS = 4
"""Epochs per phase that a budget keeps; then it shortens the epochs."""

VAL_SHARE = 0.15
"""Largest fraction of a budget for validation."""

MIN_VAL_IMAGES = 100
"""Validation images that a budget keeps; fewer would be too noisy."""

INIT_SHARE = 0.1
"""Largest fraction of a budget for class means and for clusters of queries."""

MIN_INIT_IMAGES = 10
"""Images per class that a budget keeps for these; means of fewer would be too noisy."""


def fit_budget(
    config: RunConfig, pace: Pace, seconds: float | None, spent: float = 0.0
) -> tuple[RunConfig, list[str]]:
    """Cut a run until it fits: validation, initialisation, epochs, then images per epoch.

    The epochs of the configuration are the upper bound: with more time than they need, nothing is
    added, and the run ends before its budget. `lpt study cost` measures after how many epochs
    accuracy no longer grows; a change belongs in the defaults of `lpt.config.sections.PhaseConfig`.

    Cached views are dropped if a phase would draw each of them less than once on average, because
    they would then cost more time than they save. Without a budget, nothing else changes.

    Args:
        seconds: the budget; None for no limit.
        spent: seconds of it that have passed, and those that are kept in reserve.
    Returns: the configuration, and a description of each cut.
    Raises: ConfigError giving the shortest possible duration, if one step per epoch does not fit.
    """
    budget = seconds
    seconds = None if seconds is None else max(0.0, seconds - spent)
    cut_config, cuts = _cut(config, pace, seconds)
    too_long = seconds is not None and run_seconds(cut_config, pace) > seconds
    dropped = {
        f"{times.phase.name}.cached_views": 0
        for times in pace.phases
        if times.phase.cached_views(config)
        and (too_long or not _cache_pays(times.phase, cut_config, pace))
    }
    if dropped:
        config = config.changed(dropped)
        cut_config, cuts = _cut(config, pace, seconds)
        cuts = ["no cached views, which would cost more time than they save", *cuts]
    needed = run_seconds(cut_config, pace)
    if budget is not None and seconds is not None and needed > seconds:
        raise ParameterError(
            f"`budget` {budget_text(budget)}: too short; this data on this machine needs at least "
            f"{budget_text(needed + spent)}. Allow more time, or use a smaller data set."
        )
    return cut_config, cuts


def _cache_pays(phase: Phase, config: RunConfig, pace: Pace) -> bool:
    """Whether a phase draws more often than its cached views would be computed."""
    section = phase.section(config)
    branches = 2 if section.sampler == "dual" else 1
    steps = steps_per_epoch(images_of(section, pace), section.batch_size)
    draws = branches * section.epochs * steps * section.batch_size
    return draws > (phase.cached_views(config) or 0) * pace.train_images


def _cut(config: RunConfig, pace: Pace, seconds: float | None) -> tuple[RunConfig, list[str]]:
    """Leave validation and initialisation their shares; if that does not fit, their minimum."""
    if seconds is None:
        return config, []
    for val_share, init_share in ((VAL_SHARE, INIT_SHARE), (0.0, 0.0)):
        cut, cuts = config, list[str]()
        for step in (
            partial(_cut_validation, share=val_share),
            partial(_cut_initialization, share=init_share),
            _cut_epochs,
            _cut_images,
        ):
            if run_seconds(cut, pace) > seconds:
                cut = step(cut, pace, seconds, cuts)
        if run_seconds(cut, pace) <= seconds:
            break
    return cut, cuts


def _cut_validation(
    config: RunConfig, pace: Pace, seconds: float, cuts: list[str], share: float
) -> RunConfig:
    per_image = sum(
        (min(times.phase.section(config).epochs, MIN_EPOCHS) + 1) * times.image
        for times in trained(config, pace)
    )
    wanted = min(pace.val_images, config.data.max_val_images)
    allowed = int(share * seconds / per_image) if per_image else wanted
    images = min(wanted, max(allowed, MIN_VAL_IMAGES))
    if images == wanted:
        return config
    cuts.append(f"validation on {plural(images, 'image')} instead of {wanted:,}")
    return config.changed({"data.max_val_images": images})


def _cut_initialization(
    config: RunConfig, pace: Pace, seconds: float, cuts: list[str], share: float
) -> RunConfig:
    wanted = min(config.classifier.init_images_per_class, max(pace.class_counts))
    fitting = (
        images
        for images in range(wanted, MIN_INIT_IMAGES, -1)
        if init_seconds(config, pace, images) <= share * seconds
    )
    images = next(fitting, min(wanted, MIN_INIT_IMAGES))
    if images == wanted or not init_seconds(config, pace, wanted):
        return config
    cuts.append(f"initialisation from {plural(images, 'image')} per class instead of {wanted}")
    return config.changed({"classifier.init_images_per_class": images})


def _cut_epochs(config: RunConfig, pace: Pace, seconds: float, cuts: list[str]) -> RunConfig:
    before = {t.phase.name: t.phase.section(config).epochs for t in pace.phases}

    def scaled(share: float) -> RunConfig:
        return config.changed(
            {
                f"{name}.epochs": min(epochs, max(MIN_EPOCHS, int(epochs * share)))
                for name, epochs in before.items()
            }
        )

    best = _largest(scaled, pace, seconds)
    for times in pace.phases:
        name, epochs = times.phase.name, times.phase.section(best).epochs
        if epochs < before[name]:
            cuts.append(f"{name}: {plural(epochs, 'epoch')} instead of {before[name]}")
    return best


def _cut_images(config: RunConfig, pace: Pace, seconds: float, cuts: list[str]) -> RunConfig:
    sections = {t.phase.name: t.phase.section(config) for t in pace.phases}
    before = {name: images_of(section, pace) for name, section in sections.items()}

    def scaled(share: float) -> RunConfig:
        return config.changed(
            {
                f"{name}.epoch_images": min(
                    before[name], max(section.batch_size, int(before[name] * share))
                )
                for name, section in sections.items()
            }
        )

    best = _largest(scaled, pace, seconds)
    for times in pace.phases:
        name, images = times.phase.name, times.phase.section(best).epoch_images
        if images is not None and images < before[name]:
            cuts.append(f"{name}: {plural(images, 'image')} per epoch instead of {before[name]:,}")
    return best


def _largest(scaled: Callable[[float], RunConfig], pace: Pace, seconds: float) -> RunConfig:
    """Return the run scaled by the largest share that fits, in steps of 2 %; else by 0."""
    least = scaled(0.0)
    if run_seconds(least, pace) <= seconds:
        for share in (0.98**i for i in range(1, 400)):
            config = scaled(share)
            if run_seconds(config, pace) <= seconds:
                return config
    return least
