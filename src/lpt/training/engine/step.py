"""One training step: forward, backward, update, in micro-batches that fit into memory."""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.nn.modules.dropout import _DropoutNd

from lpt.errors import TrainingError
from lpt.machine.own_generator import OwnGenerator
from lpt.progress import plural
from lpt.training.engine.shared_step import SharedStep
from lpt.training.engine.stage import Progress, Stage
from lpt.training.engine.step_batch import Inputs, StepBatch
from lpt.training.engine.weight_noise import noisy_weights

__all__ = ["MicroBatch", "diverged", "train_step"]


@dataclass
class MicroBatch:
    """Size of the micro-batches that a step is split into; halved whenever memory runs out.

    The gradient does not depend on it: random numbers are drawn for the whole step, and the terms
    of a step are sums over its parts.

    Attributes:
        images: images per micro-batch at most; None for the whole step.
        notify: receives a message for the user when the size or the compilation changes.
    """

    images: int | None = None
    notify: Callable[[str], None] = lambda _: None

    def halve(self, total: int) -> bool:
        """Halve the size for a step of `total` images; return False if it is one image already."""
        now = min(total, self.images or total)
        self.images = max(1, now // 2)
        return now > 1


def train_step(
    accelerator: Accelerator,
    stage: Stage,
    optimizer: Any,
    inputs: Inputs,
    labels: Tensor,
    progress: Progress,
    *,
    seed: int,
    clip_norm: float | None = None,
    noise: float = 0.0,
    micro: MicroBatch | None = None,
    shared: SharedStep | None = None,
) -> dict[str, float]:
    """Run one step: forward, backward, update.

    If memory runs out, the step is repeated with micro-batches of half the size and the same random
    numbers, down to one image; `micro` keeps the size for later steps. If compilation fails, the
    step is repeated uncompiled.

    Args:
        optimizer: None leaves the weights unchanged, for timing.
        inputs: {"images": (B, 3, H, H)}, or cached results of the stage's frozen half.
        labels: (B,) labels, branch after branch.
        seed: seed of all random numbers of the step.
        clip_norm: largest norm of the gradient; None for no clipping.
        noise: size of the noise on the weights while the gradient is taken (`noisy_weights`).
        shared: the share of this process in the step; None computes all of it.
    Returns: the objective as "loss", and its terms before weighting.
    Raises: TrainingError if the objective is not finite or a single image exceeds the memory; the
        weights are unchanged then.
    """
    device, total = accelerator.device, len(labels)
    trained = [p for group in stage.param_groups().values() for p in group] if noise else []
    most, own = total, dict[str, slice]()
    if shared is not None:
        own["rows"], most = shared.rows(total)
    micro = micro or MicroBatch()
    size = micro.images
    values: dict[str, float] = {}
    failure: RuntimeError | None = None
    while True:
        try:
            moved = {name: value.to(device, non_blocking=True) for name, value in inputs.items()}
            with OwnGenerator(seed):
                step = stage.draw(moved, labels.to(device, non_blocking=True), **own)
            with noisy_weights(trained, noise, (seed + 2**62) % 2**63) if noise else nullcontext():
                values = _gradients(
                    accelerator, stage, step, progress, micro.images, optimizer, seed
                )
            failure = None
        except TrainingError as error:
            _drop_gradients(stage)
            if shared is not None:
                shared.give_up(error)
            raise
        except RuntimeError as error:
            _drop_gradients(stage)
            if not (stage.compiled or _out_of_memory(error)):
                raise
            failure = error.with_traceback(None)  # its frames would keep the memory allocated
        if shared is not None:
            memory = failure is not None and _out_of_memory(failure)
            values, failure = shared.add_up(
                {} if failure is not None else values, failure, memory=memory
            )
        if failure is None:
            break
        _drop_gradients(stage)
        if not _out_of_memory(failure):
            stage.compiled = None
            reason = (str(failure).splitlines() or ["no reason given"])[0]
            micro.notify(f"compile   failed; steps run uncompiled ({reason:.100})")
        elif not micro.halve(most):
            raise TrainingError(
                f"{stage.name}: out of memory with {plural(total, 'image')} per step, even one "
                f"at a time. Lower {stage.batch_setting} in a new run, or use a smaller backbone."
            ) from failure
        elif device.type == "cuda":
            torch.cuda.empty_cache()
    if micro.images != size:
        micro.notify(
            f"memory    {stage.name}: out of memory with {plural(total, 'image')} at once; "
            f"micro-batch reduced to {micro.images} (same optimisation step)"
        )
    if optimizer is not None:
        if clip_norm is not None:
            accelerator.clip_grad_norm_(
                [p for g in optimizer.param_groups for p in g["params"]], clip_norm
            )
        optimizer.step()
    _drop_gradients(stage)
    return values


def diverged(stage: Stage, what: str, epoch: int, optimizer: Any) -> TrainingError:
    """Return the error for a value that is not finite, with a remedy.

    Args:
        what: the value, for people.
        epoch: counted from 0.
        optimizer: None before training.
    """
    if optimizer is None:
        return TrainingError(
            f"{stage.name}: {what} before the first update. "
            "Check the backbone's weights and the settings of the loss."
        )
    lr = max(group["peak"] for group in optimizer.param_groups)
    return TrainingError(
        f"{stage.name}: {what} in epoch {epoch + 1}, at a learning rate of {lr:g}.",
        *stage.remedy.splitlines(),
    )


def _gradients(
    accelerator: Accelerator,
    stage: Stage,
    step: StepBatch,
    progress: Progress,
    images: int | None,
    optimizer: Any,
    seed: int,
) -> dict[str, float]:
    """Accumulate the gradients of all parts; return the sums of their terms."""
    sums: dict[str, float] = {}
    for part in step.parts(images):
        with accelerator.autocast(), _seeded(stage, seed, part.first):
            terms = stage(part, progress)
        values = {"loss": terms.total, **terms}
        numbers = {name: float(value.detach()) for name, value in values.items()}
        if not all(map(math.isfinite, numbers.values())):
            worst = ", ".join(f"{k}={v:g}" for k, v in numbers.items() if not math.isfinite(v))
            raise diverged(stage, f"loss is not finite ({worst})", progress.epoch, optimizer)
        accelerator.backward(values["loss"])
        for name, number in numbers.items():
            sums[name] = sums.get(name, 0.0) + number
    return sums


def _seeded(stage: Stage, seed: int, first: int) -> AbstractContextManager[object]:
    """Give layers that draw as they compute, such as dropout of an encoder, their own numbers.

    Stages of lpt draw before a step is split (`Stage.draw`). Such layers draw part by part, so the
    size of a micro-batch matters to them.

    Args:
        first: the first image of the part.
    """
    draws = any(
        module.training and (getattr(module, "p", 0) or getattr(module, "drop_prob", 0))
        for module in stage.modules()
        if isinstance(module, _DropoutNd) or hasattr(module, "drop_prob")
    )
    return OwnGenerator((seed + 1 + first) % 2**63) if draws else nullcontext()


def _drop_gradients(stage: torch.nn.Module) -> None:
    for parameter in stage.parameters():
        parameter.grad = None


def _out_of_memory(error: RuntimeError) -> bool:
    """Whether memory ran out; on CPUs, torch raises a plain RuntimeError."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
