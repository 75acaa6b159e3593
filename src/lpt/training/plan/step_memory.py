"""Memory that the steps of a phase need, from a small step and a whole one.

Every image of a step adds the same number of bytes to what is kept for the backward pass. Two small
steps give that number exactly, on any device. The peak also depends on the libraries that compute,
so a whole step is measured.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lpt.machine.devices import peak_memory, reset_peak_memory
from lpt.machine.free_memory import resident_memory
from lpt.training.engine.optim import build_optimizer
from lpt.training.engine.sampling_plan import EpochPlan
from lpt.training.engine.stage import Progress, Stage
from lpt.training.engine.step import MicroBatch, train_step
from lpt.training.engine.view_cache import FILL_BATCH
from lpt.training.engine.view_files import ViewLayout
from lpt.training.phases.phase import Phase
from lpt.training.run.training_context import EVAL_BATCH, TrainingContext

__all__ = ["StepMemory", "kept_bytes", "measure_step"]

STEPS = 2
"""Measured steps: the second one has the averages of the optimiser."""

PROBES = (1, 2)
"""Images per branch of the small steps."""


@dataclass(frozen=True)
class StepMemory:
    """Bytes that a phase needs in one process.

    Attributes:
        images: images per step, of all branches together.
        at_once: images per micro-batch.
        kept: what a micro-batch keeps for its backward pass.
        peak: all memory of the process, of the GPU if there is one, at its highest.
        view: bytes of a cached view of an image; 0 without cached views.
    """

    images: int
    at_once: int
    kept: int
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
    stage.train()
    source = context.image_source(islice(plan.draws_from(0, 0), STEPS))
    view, cached = 0, phase.cached_views(context.config)
    for inputs, labels in source:
        if cached:
            with torch.no_grad(), context.autocast():
                inputs = stage.frozen(inputs["images"].to(device))
            view = _view_bytes(inputs, context.config.phase2.cache_dtype)
        train_step(
            context.accelerator,
            stage,
            optimizer,
            inputs,
            labels,
            Progress(0, max(1, plan.epochs)),
            seed=0,
            micro=micro,
        )
    stage.eval()
    steps = peak_memory(device)
    if cached:
        _fill(context, stage, plan)
    sample = context.train_split.take(np.arange(min(EVAL_BATCH, len(context.train_split))))
    context.predict(stage.predict, sample, exact=True)
    peak = max(peak_memory(device), base + round(scale * (steps - base)))
    at_once = min(images, micro.images or images)
    return StepMemory(images, at_once, kept_bytes(context, stage, plan, at_once), peak, view)


def kept_bytes(context: TrainingContext, stage: Stage, plan: EpochPlan, images: int) -> int:
    """Return the bytes that a step keeps for its backward pass.

    Args:
        plan: the draws of the phase.
        images: images that are computed at once, of all branches together.
    """
    sizes, counts = [], []
    for batch in PROBES:
        small = replace(plan, batch=batch)
        inputs, labels = next(iter(context.image_source(islice(small.draws_from(0, 0), 1), 0)))
        stage.train()
        with _counted(stage) as found:
            train_step(
                context.accelerator,
                stage,
                None,
                inputs,
                labels,
                Progress(0, max(1, plan.epochs)),
                seed=0,
            )
        stage.eval()
        sizes.append(sum(found.values()))
        counts.append(len(labels))
    each = (sizes[1] - sizes[0]) / (counts[1] - counts[0])
    return round(sizes[0] + each * (images - counts[0]))


@contextmanager
def _counted(stage: nn.Module) -> Iterator[dict[int, int]]:
    """Collect the bytes of all storages that are kept for a backward pass, parameters excepted."""
    own = {_place(parameter) for parameter in stage.parameters()}
    found: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        if (place := _place(tensor)) not in own:
            found[place] = tensor.untyped_storage().nbytes()
        return tensor

    def give(tensor: Any) -> Any:
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, give):
        yield found


def _in_use(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device)
    return resident_memory() or 0


def _place(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _fill(context: TrainingContext, stage: Stage, plan: EpochPlan) -> None:
    """Compute cached views of as many images as `build_cache` does at once."""
    count = min(FILL_BATCH, len(plan.labels))
    inputs, _ = next(iter(context.image_source(iter([[plan.view_of(i, 0) for i in range(count)]]))))
    with torch.inference_mode(), context.autocast():
        stage.frozen(inputs["images"].to(context.accelerator.device))


def _view_bytes(inputs: Any, dtype: str) -> int:
    return sum(ViewLayout.of(value, dtype).bytes for value in inputs.values())
