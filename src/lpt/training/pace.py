"""How fast this machine trains this model on this data: measured on a few steps."""

import time
from collections.abc import Callable

import numpy as np
import torch

from lpt.config import RunConfig
from lpt.training.budget import Pace
from lpt.training.engine.stage import Progress, Stage
from lpt.training.engine.step import MicroBatch, train_step
from lpt.training.phases.build_stages import PHASES, plan_of
from lpt.training.run.training_context import EVAL_BATCH, TrainingContext

__all__ = ["measure_pace"]

TIMED_STEPS = 2


def measure_pace(
    context: TrainingContext, config: RunConfig, make_stage: Callable[[str], Stage]
) -> Pace:
    """Time steps, predictions and frozen halves of both phases; no weight changes."""
    step, image = [], []
    cached_step = view = 0.0
    sample = context.train_split.take(np.arange(min(EVAL_BATCH, len(context.train_split))))
    for name in PHASES:
        stage = make_stage(name).train()
        plan = plan_of(stage, config, context.train_split.labels)
        progress = Progress(0, max(1, plan.epochs))
        micro = MicroBatch(config.micro_batch)
        source = context.image_source(iter(plan.draws(0)[: TIMED_STEPS + 1]), workers=0)
        began, timed = time.monotonic(), 0
        for inputs, labels in source:
            train_step(context.accelerator, stage, None, inputs, labels, progress, micro=micro)
            if timed == 0:  # the first step warms up, and counts only if there is no other
                warm = time.monotonic()
            timed += 1
        step.append((time.monotonic() - (warm if timed > 1 else began)) / max(1, timed - 1))
        if name == PHASES[-1]:
            began = time.monotonic()
            with torch.no_grad(), context.autocast():
                inputs = stage.frozen(inputs["images"].to(context.accelerator.device))
            view = (time.monotonic() - began) / len(labels)
            began = time.monotonic()
            train_step(context.accelerator, stage, None, inputs, labels, progress, micro=micro)
            cached_step = time.monotonic() - began
        stage.eval()
        began = time.monotonic()
        context.predict(stage.predict, sample)
        image.append((time.monotonic() - began) / len(sample))
    return Pace(
        step=(step[0], step[1]),
        cached_step=cached_step,
        view=view,
        image=(image[0], image[1]),
        class_counts=tuple(context.counts.tolist()),
        val_images=len(context.data.splits.get("val", ())),
        test_images=len(context.data.splits.get("test", ())),
    )
