"""Compiled steps, kept only where they give the gradients of steps as they are.

Compilers have given wrong gradients without a word: torch 2.15's did for the group prompts of a
ViT-S on a CPU, with right logits (docs/benchmarks.md). So the first step of a phase is computed
both ways.
"""

import time
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from lpt.training.engine.stage import Progress, Stage
from lpt.training.engine.step import MicroBatch, train_step
from lpt.training.engine.step_batch import Inputs

__all__ = ["compile_if_right", "compile_pays"]

COMPILE_STEPS = 5000
"""From so many steps on, saving 10 ms a step pays for most of a minute of compiling."""

TOLERANCE = {"no": 1e-4, "bf16": 0.1}
"""Of gradients, relative to the largest entry of each, by Accelerate's name of the precision."""


def compile_pays(wanted: str, device: torch.device, steps: int) -> bool:
    """Whether to compile the steps of a phase.

    On CPUs compiled steps are slower by 1.7, for they leave oneDNN's products; compiling took 40 s
    there (docs/benchmarks.md). What GPUs gain has not been measured.

    Args:
        wanted: auto, on or off.
        steps: of the whole phase, so that a resumed one is computed alike.
    """
    if wanted == "auto":
        return device.type == "cuda" and steps >= COMPILE_STEPS
    return wanted == "on"


def compile_if_right(
    accelerator: Accelerator,
    stage: Stage,
    optimizer: Any,
    inputs: Inputs,
    labels: Tensor,
    progress: Progress,
    micro: MicroBatch,
) -> None:
    """Let torch compile a stage's steps and compare the gradients of this one; nothing is updated.

    `micro.tell` is told how long compiling took, or why steps run as they are.
    """
    random = torch.get_rng_state()

    def gradients() -> list[Tensor]:
        torch.set_rng_state(random)
        recorder = _Recorder(optimizer)
        train_step(accelerator, stage, recorder, inputs, labels, progress, micro=micro)
        return recorder.gradients

    began = time.monotonic()
    stage.compile_steps()
    found = gradients()
    seconds = time.monotonic() - began
    compiled, stage.compiled = stage.compiled, None
    if compiled is None:  # torch could not, and it was told
        return
    error = max(_difference(*pair) for pair in zip(found, gradients(), strict=True))
    if error <= TOLERANCE[accelerator.mixed_precision]:
        stage.compiled = compiled
        micro.tell(f"compile   {seconds:.0f} s")
    else:
        micro.tell(
            f"compile   gradients differ by {error:.0e} of the largest, so steps run as they are"
        )


class _Recorder:
    """Stands in for an optimiser: keeps the gradients and moves nothing."""

    def __init__(self, optimizer: Any) -> None:
        self.param_groups = optimizer.param_groups
        self.gradients: list[Tensor] = []

    def step(self) -> None:
        learning = [p for group in self.param_groups for p in group["params"]]
        self.gradients = [p.grad.clone() for p in learning if p.grad is not None]


def _difference(one: Tensor, other: Tensor) -> float:
    largest = float(other.abs().max())
    return float((one - other).abs().max()) / largest if largest else float(one.abs().max())
