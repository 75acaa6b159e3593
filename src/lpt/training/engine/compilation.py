"""Compiled training steps, used only if their gradients match those of eager steps.

Compilers can silently produce wrong gradients: torch 2.15 did for the group prompts of a ViT-S on a
CPU, with correct logits (docs/benchmarks.md). The first step of a phase is therefore computed both
ways and compared.
"""

import time
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from lpt.training.engine.shared_step import SharedStep
from lpt.training.engine.stage import Progress, Stage
from lpt.training.engine.step import MicroBatch, train_step
from lpt.training.engine.step_batch import Inputs

__all__ = ["compile_if_right", "compile_pays"]

COMPILE_STEPS = 5000
"""Shortest phase worth compiling: saving 10 ms per step then pays for a minute of compilation."""

TOLERANCE = {"no": 1e-4, "bf16": 0.1}
"""Largest accepted gradient error, relative to the largest entry of each tensor.

The keys are Accelerate's names of precisions.
"""


def compile_pays(wanted: str, device: torch.device, steps: int) -> bool:
    """Decide whether to compile the steps of a phase.

    On CPUs, compiled steps are 1.7 times slower because they bypass oneDNN, and compilation takes
    40 s (docs/benchmarks.md). The gain on GPUs has not been measured.

    Args:
        wanted: auto, on or off.
        steps: number of steps of the whole phase, so that a resumed phase decides the same.

    >>> compile_pays("auto", torch.device("cpu"), 1_000_000)
    False
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
    *,
    seed: int,
    micro: MicroBatch,
    shared: SharedStep | None = None,
) -> None:
    """Compile a stage's steps if they give the gradients of the eager step; no weight is updated.

    `micro.notify` receives the compilation time, or the reason for staying with eager steps. The
    arguments are those of `train_step`.
    """

    def gradients() -> list[Tensor]:
        recorder = _Recorder(optimizer)
        train_step(
            accelerator,
            stage,
            recorder,
            inputs,
            labels,
            progress,
            seed=seed,
            micro=micro,
            shared=shared,
        )
        return recorder.gradients

    began = time.monotonic()
    stage.compile_steps()
    compiled_gradients = gradients()
    seconds = time.monotonic() - began
    compiled, stage.compiled = stage.compiled, None
    if compiled is None:  # compilation failed, which `train_step` has reported
        return
    error = max(_difference(*pair) for pair in zip(compiled_gradients, gradients(), strict=True))
    if error <= TOLERANCE[accelerator.mixed_precision]:
        stage.compiled = compiled
        micro.notify(f"compile   {seconds:.0f} s")
    else:
        micro.notify(
            f"compile   gradients differ by {error:.0e} of the largest; steps run uncompiled"
        )


class _Recorder:
    """An optimiser that records the gradients and updates nothing."""

    def __init__(self, optimizer: Any) -> None:
        self.param_groups = optimizer.param_groups
        self.gradients: list[Tensor] = []

    def step(self) -> None:
        trainable = [p for group in self.param_groups for p in group["params"]]
        self.gradients = [p.grad.clone() for p in trainable if p.grad is not None]


def _difference(one: Tensor, other: Tensor) -> float:
    largest = float(other.abs().max())
    return float((one - other).abs().max()) / largest if largest else float(one.abs().max())
