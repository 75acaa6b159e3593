"""Measures the speed of training and prediction on this machine with a few steps."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np
import torch

from lpt.config import RunConfig
from lpt.data.manifest import Split
from lpt.training.engine.sampling_plan import EpochPlan
from lpt.training.engine.stage import Progress, Stage
from lpt.training.engine.step import MicroBatch, train_step
from lpt.training.estimate import Pace, PhasePace
from lpt.training.phases.phase import Phase
from lpt.training.run.training_context import EVAL_BATCH, TrainingContext

__all__ = ["measure_pace", "measuring_limit"]

TIMED_STEPS = 2

MEASURING_SHARE = 0.1
"""Fraction of a budget that measuring may take."""

LONGEST, SHORTEST = 30.0, 0.2
"""Bounds of the time for measuring, in seconds."""

PROBED = 2
"""Images by which it is guessed how long measuring takes."""

FORWARD_PASSES = 4
"""Duration of a training step in forward passes, roughly."""


def measuring_limit(budget: float | None) -> float:
    """Return the seconds that measuring may take.

    >>> measuring_limit(180), measuring_limit(None)
    (18.0, 30.0)
    """
    return LONGEST if budget is None else min(LONGEST, max(SHORTEST, MEASURING_SHARE * budget))


def measure_pace(
    context: TrainingContext,
    phases: Sequence[Phase],
    make_stage: Callable[[Phase], Stage],
    limit: float = LONGEST,
) -> Pace:
    """Time steps, predictions and cached views of every phase; no weight changes.

    Several processes measure at the same time, each its share.

    Args:
        make_stage: makes the stage of a phase, on the device.
        limit: seconds that this may take, roughly; on slow machines, steps of fewer images are
            timed.
    """
    sample = context.train_split.take(np.arange(min(EVAL_BATCH, len(context.train_split))))
    return Pace(
        phases=tuple(
            _time(context, phase, make_stage(phase), sample, limit / len(phases))
            for phase in phases
        ),
        class_counts=tuple(context.counts.tolist()),
        val_images=len(context.data.splits.get("val", ())),
        test_images=len(context.data.splits.get("test", ())),
    )


def _time(
    context: TrainingContext, phase: Phase, stage: Stage, sample: Split, limit: float
) -> PhasePace:
    config: RunConfig = context.config
    whole = replace(phase.plan(stage, config, context.train_split.labels), short=())
    full = replace(whole, batch=context.group.largest_share(whole.batch))
    share = _share(context, stage, full, sample, limit)
    sample = sample.take(np.arange(max(1, int(share * len(sample)))))
    plan = replace(full, batch=max(PROBED, int(share * full.batch)) if share < 1 else full.batch)
    scale = full.batch / plan.batch
    stage.train()
    progress, micro = Progress(0, max(1, plan.epochs)), MicroBatch(config.micro_batch)
    source = context.image_source(islice(plan.draws_from(0, 0), TIMED_STEPS + 1), workers=0)
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
    image = _predicted(context, stage, sample)
    mixed = context.accelerator.mixed_precision != "no"
    exact = _predicted(context, stage, sample, exact=True) if mixed else None
    size = context.group.size  # others predict and cache their shares at the same time
    return PhasePace(
        phase,
        scale * seconds,
        image / size,
        view / size,
        scale * cached_step,
        None if exact is None else exact / size,
    )


def _share(
    context: TrainingContext, stage: Stage, plan: EpochPlan, sample: Split, limit: float
) -> float:
    """Fraction of the images of a full measurement that can be timed within a limit."""
    stage.eval()
    draws = [next(plan.draws_from(0, 0))[:PROBED]]
    began = time.monotonic()
    inputs, _ = next(iter(context.image_source(iter(draws), workers=0)))
    images = inputs["images"].to(context.accelerator.device)
    image = (time.monotonic() - began) / len(images)
    for _ in range(2):  # the first pass warms up
        began = time.monotonic()
        with torch.inference_mode(), context.autocast():
            stage.predict(images).logits.sum().item()  # waits for a GPU
        forward = time.monotonic() - began
    image += forward / len(images)
    trained = plan.batch * len(plan.samplers) * (TIMED_STEPS + 2)
    return min(1.0, limit / (image * (FORWARD_PASSES * trained + 2 * len(sample))))


def _predicted(
    context: TrainingContext, stage: Stage, sample: Split, *, exact: bool = False
) -> float:
    """Seconds per image."""
    began = time.monotonic()
    context.predict(stage.predict, sample, exact=exact)
    return max((time.monotonic() - began) / len(sample), 1e-9)
