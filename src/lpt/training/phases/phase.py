"""The description of a phase: everything that training, budget and summary know about it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor

from lpt.config import PhaseConfig, RunConfig
from lpt.model.two_pass import LongTailedPromptModel
from lpt.training.engine.sampling_plan import EpochPlan
from lpt.training.engine.stage import Stage
from lpt.training.run.training_context import TrainingContext

__all__ = ["Phase"]


@dataclass(frozen=True)
class Phase:
    """One phase of long-tailed prompt tuning.

    A module of `lpt.training.phases` describes each phase, and `lpt.training.phases.build_stages`
    lists them in order. A new phase also needs a section of its name in `lpt.config.RunConfig`,
    and a task file knows one or two phases. `lpt.studies.define.variants` replaces phases.

    Attributes:
        name: name of its configuration section, checkpoints and metrics.
        number: its place in the list, counted from 1. Positions in checkpoints and random streams
            use `index`, and `LongTailedPromptModel.phases` is the number of the last phase trained.
        title: what the model uses after this phase, for tables.
        build_stage: makes its stage from configuration, model and (C,) training images per class.
        start: initialises its parameters, after the previous phase has ended.
        is_trained: whether a run with this configuration has the phase at all.
        start_passes: how often `start` runs over the images of the class means, with the model of
            the previous phase (of this phase, if it is the first). For estimates of time.
    """

    name: str
    number: int
    title: str
    build_stage: Callable[[RunConfig, LongTailedPromptModel, Tensor], Stage]
    start: Callable[[LongTailedPromptModel, TrainingContext], None]
    is_trained: Callable[[RunConfig], bool]
    start_passes: Callable[[RunConfig], int]

    @property
    def index(self) -> int:
        """Its place in the list, counted from 0."""
        return self.number - 1

    @property
    def selected(self) -> str:
        """Name under which its final weights are saved."""
        return f"{self.name}-selected"

    def section(self, config: RunConfig) -> PhaseConfig:
        """Return its section of a configuration."""
        section: PhaseConfig = getattr(config, self.name)
        return section

    def cached_views(self, config: RunConfig) -> int | None:
        """Return V, the number of cached views per image; None if the phase cannot cache any."""
        views: int | None = getattr(self.section(config), "cached_views", None)
        return views

    def plan(self, stage: Stage, config: RunConfig, labels: npt.NDArray[np.int64]) -> EpochPlan:
        """Plan the draws of every step.

        Args:
            stage: its branches name the samplers.
            labels: (n,) labels of the training images.
        """
        section = self.section(config)
        return EpochPlan.of(
            stage.branches,
            labels=labels,
            batch=section.batch_size,
            epochs=section.epochs,
            seed=config.seed,
            stage=self.index,
            epoch_images=section.epoch_images,
            views=self.cached_views(config) or 0,
            short=section.short_epochs,
        )
