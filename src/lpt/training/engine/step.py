"""One step of training: forward, backward, update, in as many parts as memory asks for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from lpt.errors import TrainingError
from lpt.training.engine.stage import Progress, Stage
from lpt.training.engine.step_batch import Inputs, StepBatch

__all__ = ["MicroBatch", "diverged", "train_step"]


def _quiet(_: str) -> None:
    return None


@dataclass
class MicroBatch:
    """How many images of a step are computed at once; fewer for good once memory ran out.

    The gradient does not depend on it: what chance decides is drawn for the whole step, and terms
    of a step are sums over its parts.

    Attributes:
        images: at most so many; None for all of the step.
        tell: told, for people, when it shrinks.
    """

    images: int | None = None
    tell: Callable[[str], None] = _quiet

    def halve(self, total: int) -> bool:
        """Take half as many of a step of `total` images; False if it is one already."""
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
    clip_norm: float | None = None,
    micro: MicroBatch | None = None,
) -> dict[str, float]:
    """One step: forward, backward, update. With `optimizer` None the weights stay (for timing).

    Where memory runs out, the step is repeated with half as many images at once and the same random
    numbers, down to one image; `micro` keeps the size for the steps that follow. A compiled step
    that torch cannot compile is repeated as it is.

    Returns: the objective as "loss", and its terms before weighting.
    Raises: TrainingError if the objective is not finite or one image is too much for the memory;
        the weights are not touched then.
    """
    device, total = accelerator.device, len(labels)
    micro = micro or MicroBatch()
    images, random = micro.images, _random_state(device)
    while True:
        try:
            moved = {name: value.to(device, non_blocking=True) for name, value in inputs.items()}
            step = stage.draw(moved, labels.to(device, non_blocking=True))
            values = _gradients(accelerator, stage, step, progress, micro.images, optimizer)
            break
        except TrainingError:
            _drop_gradients(stage)
            raise
        except RuntimeError as error:
            _drop_gradients(stage)
            if not (stage.compiled or _out_of_memory(error)):
                raise
            failure = error.with_traceback(None)  # whose frames would hold on to the memory
        if not _out_of_memory(failure):
            stage.compiled = None
            reason = (str(failure).splitlines() or ["no reason given"])[0]
            micro.tell(f"compile   failed, so steps run as they are ({reason:.100})")
        elif not micro.halve(total):
            raise TrainingError(
                f"{stage.name}: out of memory with {total} images per step, even one at a time. "
                f"Lower {stage.name}.batch_size in a new run, or use a smaller backbone."
            ) from failure
        _restore(random, device)
    if micro.images != images:
        micro.tell(
            f"memory    {total} images at once are too many; {stage.name} goes on with "
            f"{micro.images} at a time, with the same steps"
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
    """The error that tells of a value that is not finite, with the remedy."""
    if optimizer is None:
        return TrainingError(
            f"{stage.name}: {what} before anything was learned. "
            "Check the backbone's weights and the settings of the loss."
        )
    lr = max(group["peak"] for group in optimizer.param_groups)
    return TrainingError(
        f"{stage.name}: {what} in epoch {epoch + 1}, at a learning rate of {lr:g}.\n{stage.remedy}"
    )


def _gradients(
    accelerator: Accelerator,
    stage: Stage,
    step: StepBatch,
    progress: Progress,
    images: int | None,
    optimizer: Any,
) -> dict[str, float]:
    """Add up the gradients of all parts in the parameters; return the sums of the terms."""
    sums: dict[str, float] = {}
    for part in step.parts(images):
        with accelerator.autocast():
            terms = stage(part, progress)
        values = {"loss": terms.total, **terms}
        found = {name: float(value.detach()) for name, value in values.items()}
        if not all(map(_finite, found.values())):
            worst = ", ".join(f"{k}={v:g}" for k, v in found.items() if not _finite(v))
            raise diverged(stage, f"loss is not finite ({worst})", progress.epoch, optimizer)
        accelerator.backward(values["loss"])
        for name, value in found.items():
            sums[name] = sums.get(name, 0.0) + value
    return sums


def _drop_gradients(stage: torch.nn.Module) -> None:
    for parameter in stage.parameters():
        parameter.grad = None


def _out_of_memory(error: RuntimeError) -> bool:
    """On a CPU torch raises no type of its stage."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _random_state(device: torch.device) -> list[Tensor]:
    states = [torch.get_rng_state()]
    return [*states, torch.cuda.get_rng_state(device)] if device.type == "cuda" else states


def _restore(random: list[Tensor], device: torch.device) -> None:
    torch.set_rng_state(random[0])
    if device.type == "cuda":
        torch.cuda.set_rng_state(random[1], device)
        torch.cuda.empty_cache()


def _finite(value: float) -> bool:
    return value - value == 0.0
