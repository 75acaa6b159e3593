"""Memory that the steps of a phase need, from two small steps and a whole one.

Every image of a step adds tensors of the same sizes, so two small steps give the bytes of any step,
on any device. The peak of the process also depends on libraries and on the allocator, so a whole
step is measured.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from lpt.machine.devices import peak_memory, reset_peak_memory
from lpt.machine.free_memory import resident_memory
from lpt.training.engine.optim import build_optimizer
from lpt.training.engine.sampling_plan import EpochPlan
from lpt.training.engine.stage import Inputs, Progress, Stage
from lpt.training.engine.step import MicroBatch, train_step
from lpt.training.engine.view_cache import FILL_BATCH
from lpt.training.engine.view_files import ViewLayout
from lpt.training.phases.phase import Phase
from lpt.training.plan.live_tensors import LiveTensors
from lpt.training.run.training_context import EVAL_BATCH, TrainingContext

__all__ = ["StepMemory", "activation_bytes", "measure_step"]

STEPS = 2
"""Measured steps: the second one has the averages of the optimiser."""

PROBES = (2, 4)
"""Images per branch of the small steps."""


@dataclass(frozen=True)
class StepMemory:
    """Bytes that a phase needs in one process.

    Attributes:
        images: images per step, of all branches together.
        at_once: images per micro-batch.
        activations: bytes of the tensors of a micro-batch at their highest number.
        peak: all memory of the process, of the GPU if there is one, at its highest.
        view: bytes of a cached view of an image; 0 without cached views.
    """

    images: int
    at_once: int
    activations: int
    peak: int
    view: int = 0


def measure_step(context: TrainingContext, phase: Phase, stage: Stage, share: float) -> StepMemory:
    """Run steps and predictions of a phase, and measure their memory. The weights change.

    Args:
        stage: of the phase, on the device.
        share: fraction of the images of a step that are computed; the rest is extrapolated.
    """
    whole = replace(
        phase.plan(stage, context.config, context.train_split.labels), short=(), views=0
    )
    images = context.group.largest_share(whole.batch * len(whole.samplers))
    batch = max(1, int(share * -(-images // len(whole.samplers))))
    plan = replace(whole, batch=min(batch, whole.batch))
    scale = images / (plan.batch * len(plan.samplers))
    device, micro = context.accelerator.device, MicroBatch(context.config.micro_batch)
    base = _in_use(device)
    reset_peak_memory(device)
    optimizer = build_optimizer(
        phase.section(context.config).optim, stage.param_groups(), whole.batch
    )
    view, cached = 0, bool(phase.cached_views(context.config))
    stage.train()
    for inputs, labels in _steps(context, stage, plan, STEPS, cached=cached):
        if cached:
            view = _view_bytes(inputs, context.config.phase2.cache_dtype)
        progress = Progress(0, max(1, plan.epochs))
        train_step(
            context.accelerator, stage, optimizer, inputs, labels, progress, seed=0, micro=micro
        )
    stage.eval()
    steps = peak_memory(device)
    if cached:
        _fill(context, stage, plan)
    sample = context.train_split.take(np.arange(min(EVAL_BATCH, len(context.train_split))))
    context.predict(stage.predict, sample, exact=True)
    peak = max(peak_memory(device), base + round(scale * (steps - base)))
    at_once = min(images, micro.images or images)
    activations = activation_bytes(context, stage, plan, at_once, cached=cached)
    return StepMemory(images, at_once, activations, peak, view)


def activation_bytes(
    context: TrainingContext, stage: Stage, plan: EpochPlan, images: int, *, cached: bool = False
) -> int:
    """Return the bytes of the tensors of a step, when there are most of them.

    Args:
        plan: the draws of the phase.
        images: images that are computed at once, of all branches together.
        cached: whether the step computes on cached views.
    """
    sizes, counts = list[int](), list[int]()
    for batch in PROBES:
        small = replace(plan, batch=batch)
        inputs, labels = next(_steps(context, stage, small, 1, cached=cached))
        progress = Progress(0, max(1, plan.epochs))
        stage.train()
        with LiveTensors() as tensors:
            train_step(context.accelerator, stage, None, inputs, labels, progress, seed=0)
        stage.eval()
        sizes.append(tensors.peak)
        counts.append(len(labels))
    each = (sizes[1] - sizes[0]) / (counts[1] - counts[0])
    return round(sizes[0] + each * (images - counts[0]))


def _steps(
    context: TrainingContext, stage: Stage, plan: EpochPlan, count: int, *, cached: bool
) -> Iterator[tuple[Inputs, Tensor]]:
    """Inputs and labels of the first steps, as training loads them or reads them from a cache."""
    for inputs, labels in context.image_source(islice(plan.draws_from(0, 0), count)):
        yield (_frozen(context, stage, inputs) if cached else inputs), labels


def _frozen(context: TrainingContext, stage: Stage, inputs: Inputs) -> Inputs:
    with torch.no_grad(), context.autocast():
        return stage.frozen(inputs["images"].to(context.accelerator.device))


def _in_use(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.memory_allocated(device))
    return resident_memory() or 0


def _fill(context: TrainingContext, stage: Stage, plan: EpochPlan) -> None:
    """Compute cached views of as many images as `build_cache` does at once."""
    count = min(FILL_BATCH, len(plan.labels))
    inputs, _ = next(iter(context.image_source(iter([[plan.view_of(i, 0) for i in range(count)]]))))
    _frozen(context, stage, inputs)


def _view_bytes(inputs: Inputs, dtype: str) -> int:
    return sum(ViewLayout.of(value, dtype).bytes for value in inputs.values())
