"""The training loop of `heal` and `distill`: steps, averaged weights, checkpoints, progress."""

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tools.pretrain.recipe import trapezoid
from torch import Tensor, nn

from lpt.data.sampling import random_stream
from lpt.errors import ConfigError, TrainingError
from lpt.files.atomic_files import write_atomic

__all__ = ["Loop", "Pace", "rows_of_step"]

CHECKPOINT_SECONDS = 120.0
LINE_SECONDS = 20.0


@dataclass(frozen=True)
class Pace:
    """How long a run is, and how its learning rate and averages move.

    Attributes:
        steps: optimiser steps.
        batch: images per step.
        warmup, decay: shares of the steps at the start and at the end; see `trapezoid`.
        ema: decay per step of the averaged weights, which are what is kept.
    """

    steps: int
    batch: int
    warmup: float = 0.05
    decay: float = 0.7
    ema: float = 0.995


class Loop:
    """A run whose every random choice is a function of (seed, step), so that it can be resumed.

    Args:
        modules: what is trained, and saved in checkpoints.
        optimizers: of its parameters, at their peak learning rates.
        loss: the mean loss of a step, with its gradient.
        settings: of the run, as JSON values; a checkpoint of other settings is refused.
        out: folder for checkpoints and metrics.
        clip: largest norm of a step's gradient; 0 for any.
    """

    def __init__(
        self,
        modules: nn.Module,
        optimizers: Sequence[torch.optim.Optimizer],
        loss: Callable[[int], Tensor],
        pace: Pace,
        settings: Mapping[str, Any],
        out: Path,
        clip: float = 0.0,
    ) -> None:
        self.modules, self.optimizers, self.loss = modules, optimizers, loss
        self.pace, self.out, self.clip = pace, out, clip
        self.settings = json.dumps(dict(settings), sort_keys=True)
        self.peaks = [[g["lr"] for g in o.param_groups] for o in optimizers]
        self.average = {k: v.detach().clone() for k, v in modules.named_parameters()}
        self.step, self.seconds = 0, 0.0

    def run(self) -> None:
        """Train to the end, from the last checkpoint if there is one; leave averaged weights."""
        self.out.mkdir(parents=True, exist_ok=True)
        self._resume()
        began = time.monotonic() - self.seconds
        saved = said = time.monotonic()
        losses: list[Tensor] = []
        first = self.step
        for step in range(first, self.pace.steps):
            self.step = step
            losses.append(self._train_step())
            now = time.monotonic()
            last = self.step + 1 == self.pace.steps
            self.seconds = now - began
            if now - said > LINE_SECONDS or last:
                self._log(losses, now - said)
                said, losses = now, []
            if now - saved > CHECKPOINT_SECONDS or last:
                self._save()
                saved = now
        with torch.no_grad():
            for name, parameter in self.modules.named_parameters():
                parameter.copy_(self.average[name])

    def _train_step(self) -> Tensor:
        factor = trapezoid(self.step / self.pace.steps, self.pace.warmup, self.pace.decay)
        for optimizer, peaks in zip(self.optimizers, self.peaks, strict=True):
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["lr"] = peak * factor
        loss = self.loss(self.step)
        loss.backward()
        if self.clip:
            nn.utils.clip_grad_norm_(self.modules.parameters(), self.clip)
        for optimizer in self.optimizers:
            optimizer.step()
        self.modules.zero_grad(set_to_none=True)
        decay = min(self.pace.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            now = dict(self.modules.named_parameters())
            torch._foreach_lerp_(
                list(self.average.values()), [now[k] for k in self.average], 1 - decay
            )
        return loss.detach()

    def _log(self, losses: Sequence[Tensor], seconds: float) -> None:
        loss = float(torch.stack(list(losses)).mean())
        if not math.isfinite(loss):
            raise TrainingError(f"step {self.step}: the loss is {loss}. Lower the learning rates.")
        rate = len(losses) * self.pace.batch / max(seconds, 1e-9)
        record = {
            "step": self.step + 1,
            "steps": self.pace.steps,
            "loss": round(loss, 4),
            "images_per_second": round(rate, 1),
            "seconds": round(self.seconds, 1),
        }
        with (self.out / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        left = (self.pace.steps - self.step - 1) * self.pace.batch / max(rate, 1e-9) / 60
        print(" ".join(f"{k}={v}" for k, v in record.items()) + f" left={left:.0f}min", flush=True)

    def _save(self) -> None:
        state = {
            "settings": self.settings,
            "step": self.step + 1,
            "seconds": self.seconds,
            "modules": self.modules.state_dict(),
            "average": self.average,
            "optimizers": [o.state_dict() for o in self.optimizers],
        }
        write_atomic(self.out / "last.pt", lambda path: torch.save(state, path))

    def _resume(self) -> None:
        path = self.out / "last.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location="cpu", weights_only=True)
        if state["settings"] != self.settings:
            raise ConfigError(f"{path}: made with other settings. Choose another OUT.")
        self.step, self.seconds = state["step"], state["seconds"]
        self.modules.load_state_dict(state["modules"])
        for name, value in self.average.items():
            value.copy_(state["average"][name])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        print(f"resuming at step {self.step}", flush=True)


def rows_of_step(seed: int, step: int, count: int, batch: int) -> np.ndarray:
    """Images of a step, in order; an epoch shows each once, its last partial batch left out."""
    epoch, place = divmod(step, count // batch)
    order = random_stream(seed, 0, epoch).permutation(count)
    return np.sort(order[place * batch : (place + 1) * batch])
