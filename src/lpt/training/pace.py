"""Measures the speed of training and prediction on this machine with a few steps."""

import time
from collections.abc import Callable, Sequence

import numpy as np
import torch

from lpt.config import RunConfig
from lpt.data.manifest import Split
from lpt.training.budget import Pace, PhasePace
from lpt.training.engine.stage import Progress, Stage
from lpt.training.engine.step import MicroBatch, train_step
from lpt.training.phases.phase import Phase
from lpt.training.run.training_context import EVAL_BATCH, TrainingContext

__all__ = ["measure_pace"]

TIMED_STEPS = 2


def measure_pace(
    context: TrainingContext, phases: Sequence[Phase], make_stage: Callable[[Phase], Stage]
) -> Pace:
    """Time steps, predictions and cached views of every phase; no weight changes.

    Args:
        make_stage: makes the stage of a phase, on the device.
    """
    sample = context.train_split.take(np.arange(min(EVAL_BATCH, len(context.train_split))))
    return Pace(
        phases=tuple(_time(context, phase, make_stage(phase), sample) for phase in phases),
        class_counts=tuple(context.counts.tolist()),
        val_images=len(context.data.splits.get("val", ())),
        test_images=len(context.data.splits.get("test", ())),
    )


def _time(context: TrainingContext, phase: Phase, stage: Stage, sample: Split) -> PhasePace:
    config: RunConfig = context.config
    plan = phase.plan(stage.train(), config, context.train_split.labels)
    progress, micro = Progress(0, max(1, plan.epochs)), MicroBatch(config.micro_batch)
    source = context.image_source(iter(plan.draws(0)[: TIMED_STEPS + 1]), workers=0)
    seconds = cached_step = view = 0.0
    began, steps = time.monotonic(), 0
    for inputs, labels in source:
        train_step(context.accelerator, stage, None, inputs, labels, progress, seed=0, micro=micro)
        if steps == 0:  # the first step warms up; it only counts if there is no other
            seconds, began = time.monotonic() - began, time.monotonic()
        steps += 1
    if steps > 1:
        seconds = (time.monotonic() - began) / (steps - 1)
    if phase.cached_views(config) is not None:
        began = time.monotonic()
        with torch.no_grad(), context.autocast():
            inputs = stage.frozen(inputs["images"].to(context.accelerator.device))
        view = (time.monotonic() - began) / len(labels)
        began = time.monotonic()
        train_step(context.accelerator, stage, None, inputs, labels, progress, seed=0, micro=micro)
        cached_step = time.monotonic() - began
    stage.eval()
    began = time.monotonic()
    context.predict(stage.predict, sample)
    image = (time.monotonic() - began) / len(sample)
    return PhasePace(phase, seconds, image, view, cached_step)
