"""What a run will take, before it begins: the record of `lpt train --plan`."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lpt.data.sampling import steps_per_epoch
from lpt.machine.free_memory import free_memory, resident_memory
from lpt.training.estimate import (
    Pace,
    PhasePace,
    images_of,
    run_seconds,
    step_seconds,
    trained,
)
from lpt.training.plan.step_memory import STEPS, StepMemory, measure_step
from lpt.training.run.memory_check import training_bytes
from lpt.training.run.training_context import TrainingContext
from lpt.training.trainer import Trainer

__all__ = ["PhasePlan", "RunPlan", "plan_run"]

MEASURING_SECONDS = 30.0
"""Longest time of the measured steps of a phase; beyond it, fewer images are computed."""

_FLOAT = 4
_FEATURE_COPIES = 2
"""Of the features of the first class means: the batches, and all of them joined."""
_LOGIT_COPIES = {"test": 2, "val": 5}
"""Of the logits of a split while it is scored, and while probabilities are calibrated."""


@dataclass(frozen=True)
class PhasePlan:
    """What a phase will take.

    Attributes:
        name: of the phase.
        epochs: number of epochs.
        steps: steps per epoch.
        images: images per step in each process, of all branches together.
        at_once: images per micro-batch.
        step_seconds: duration of a step.
        activation_bytes: tensors of a micro-batch, when there are most of them.
        cached_views: views per image; 0 without a cache.
        cache_bytes: size of the cache on disk.
    """

    name: str
    epochs: int
    steps: int
    images: int
    at_once: int
    step_seconds: float
    activation_bytes: int
    cached_views: int = 0
    cache_bytes: int = 0


@dataclass(frozen=True)
class RunPlan:
    """What a run will take in each of its processes.

    Attributes:
        processes: number of processes.
        frozen_parameters: of the backbone.
        frozen_bytes: of its weights, in the number types that they are kept in.
        trainable_parameters: of prompts, keys, classifier and adapters.
        trainable_bytes: these, with their gradients and the averages of the optimiser.
        phases: those that are trained.
        peak_bytes: highest memory use: of the GPU if there is one, else of the process.
        free_bytes: memory that a process could use, with what it has already; None where the system
            does not say. On a CPU, processes of one machine have equal shares.
        cache_limit_bytes: what `phase2.cache_limit_gb` and the disk allow.
        seconds: from the first step to the scores, as `estimate` says it.
        opening_seconds: duration of opening data and backbone and of timing a few steps, before.
    """

    processes: int
    frozen_parameters: int
    frozen_bytes: int
    trainable_parameters: int
    trainable_bytes: int
    phases: tuple[PhasePlan, ...]
    peak_bytes: int
    free_bytes: int | None
    cache_limit_bytes: int
    seconds: float
    opening_seconds: float

    @property
    def fits(self) -> bool:
        """Whether the memory is large enough, as far as is known."""
        return self.free_bytes is None or self.peak_bytes <= self.free_bytes


def plan_run(trainer: Trainer, pace: Pace, opening: float) -> RunPlan:
    """Measure steps of each phase and add up what the run will take; nothing is written.

    The trainable parameters change, so the trainer cannot be used afterwards.

    Args:
        trainer: cut to its budget by `Trainer.fit_budget`.
        pace: what that has measured.
        opening: seconds since the command began.
    """
    context, config = trainer.context, trainer.config
    free = free_memory(context.accelerator.device)
    on_gpu = context.accelerator.device.type == "cuda"
    if free is not None and not on_gpu:  # its share, and what it has already
        free = free // context.group.local_size + (resident_memory() or 0)
    peak, phases = 0, list[PhasePlan]()
    for times in trained(config, pace):
        share = min(1.0, MEASURING_SECONDS / (STEPS * times.step))
        found = measure_step(context, times.phase, trainer.stage(times.phase), share)
        peak = max(peak, found.peak)
        phases.append(_planned(context, pace, times, found))
    if not on_gpu:
        peak += _collected(context)
    peak = max(_numbers_of_all(context, peak))
    trained_numbers = trainer.prompt_parameters + trainer.other_parameters
    return RunPlan(
        processes=context.group.size,
        frozen_parameters=sum(p.numel() for p in context.backbone.parameters()),
        frozen_bytes=context.backbone.weight_bytes,
        trainable_parameters=trained_numbers,
        trainable_bytes=training_bytes(trained_numbers),
        phases=tuple(phases),
        peak_bytes=peak,
        free_bytes=free,
        cache_limit_bytes=_cache_room(trainer.folder.path, config.phase2.cache_limit_gb),
        seconds=run_seconds(config, pace),
        opening_seconds=opening,
    )


def _planned(
    context: TrainingContext, pace: Pace, times: PhasePace, found: StepMemory
) -> PhasePlan:
    section = times.phase.section(context.config)
    views = times.phase.cached_views(context.config) or 0
    return PhasePlan(
        name=times.phase.name,
        epochs=section.epochs,
        steps=steps_per_epoch(images_of(section, pace), section.batch_size),
        images=found.images,
        at_once=found.at_once,
        step_seconds=step_seconds(context.config, times),
        activation_bytes=found.activations,
        cached_views=views,
        cache_bytes=views * pace.train_images * found.view,
    )


def _collected(context: TrainingContext) -> int:
    """Bytes of features or logits of a whole split, which are in memory together."""
    most = context.config.classifier.init_images_per_class
    images = int(np.minimum(context.counts.numpy(), most).sum())
    features = _FEATURE_COPIES * images * context.backbone.feature_width
    logits = [
        _LOGIT_COPIES[name] * len(split) * context.data.num_classes
        for name, split in context.evaluation_splits.items()
    ]
    return _FLOAT * max(features, *logits, 0)


def _numbers_of_all(context: TrainingContext, number: int) -> Sequence[int]:
    found = context.group.to_main(str(number).encode())
    numbers: list[int] = context.group.decided(lambda: list(map(int, found)))
    return numbers


def _cache_room(run: Path, limit_gb: float) -> int:
    place = next(folder for folder in (run, *run.absolute().parents) if folder.is_dir())
    return int(min(limit_gb * 1e9, shutil.disk_usage(place).free))
