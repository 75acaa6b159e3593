"""An exponential average of the weights that an optimiser updates."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["AVERAGE_STATES", "WeightAverage"]

AVERAGE_STATES = {"average", "averaged_steps"}
"""Names in the state of each parameter. They are saved and restored with that of the optimiser."""


class WeightAverage:
    """Keeps average = decay x average + (1 - decay) x weight, updated after every step.

    While there are few steps, the decay is (1 + n) / (10 + n) of n steps if that is smaller, so the
    average forgets the start. The optimiser continues from its own weights, never from the average.

    Args:
        optimizer: of the weights.
        decay: in [0, 1); about 1 / (1 - decay) steps count.

    Source: Polyak and Juditsky (1992); the warm-up is that of TensorFlow's
        `ExponentialMovingAverage`.

    >>> weight = nn.Parameter(torch.zeros(1))
    >>> optimizer = torch.optim.SGD([weight], lr=1.0)
    >>> average = WeightAverage(optimizer, decay=0.5)
    >>> for _ in range(2):
    ...     weight.grad = torch.tensor([-1.0])
    ...     optimizer.step()
    >>> with average.in_use():
    ...     print(round(weight.item(), 3))
    1.818
    >>> weight.item()
    2.0
    """

    def __init__(self, optimizer: torch.optim.Optimizer, decay: float) -> None:
        self.optimizer, self.decay = optimizer, decay
        optimizer.register_step_post_hook(self._update)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Put the averages in the place of the weights for a while."""
        kept = {p: p.detach().clone() for p in self._parameters()}
        self.apply()
        try:
            yield
        finally:
            self._write(kept)

    def apply(self) -> None:
        """Replace the weights with their averages."""
        state = self.optimizer.state
        self._write({p: state[p]["average"] for p in self._parameters() if "average" in state[p]})

    @torch.no_grad()
    def _update(self, *_: Any) -> None:
        for parameter in self._parameters():
            state = self.optimizer.state[parameter]
            if "average" not in state:
                state["average"] = parameter.detach().clone()
                state["averaged_steps"] = torch.zeros(())
            steps = float(state["averaged_steps"])
            state["average"].lerp_(parameter, 1 - min(self.decay, (1 + steps) / (10 + steps)))
            state["averaged_steps"] += 1

    @torch.no_grad()
    def _write(self, values: dict[nn.Parameter, Tensor]) -> None:
        for parameter, value in values.items():
            parameter.copy_(value)

    def _parameters(self) -> list[nn.Parameter]:
        return [p for group in self.optimizer.param_groups for p in group["params"]]
