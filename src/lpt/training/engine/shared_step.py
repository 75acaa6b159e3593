"""A step that several processes compute together: each its images, all the same gradient.

A process computes consecutive images of the step, and the terms of a step are sums over its parts,
so the sum over the processes is the gradient of the whole step, whatever their number. One exchange
per step carries the gradient, the values of the terms, and whether a process has failed, so all
processes repeat a step together.

Torch's DistributedDataParallel exchanges during the backward pass, and waits for ever if only one
process has to repeat it in smaller micro-batches. Here there are few trainable parameters, so
nothing is gained by overlapping.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import repeat, tee

import torch
from torch import Tensor, nn

from lpt.data.loading import Draw
from lpt.errors import LptError, TrainingError
from lpt.machine.group.process_group import ProcessGroup
from lpt.machine.own_generator import OwnGenerator
from lpt.training.engine.sampling_plan import EpochPlan
from lpt.training.engine.stage import Inputs, Stage, loaded_positions

__all__ = ["SharedStep", "digest"]

_MEMORY, _COMPILATION, _OTHER = range(3)
"""Kinds of failures; the numbers of processes with each open the exchange."""


class SharedStep:
    """The share of this process in the steps of a stage.

    Args:
        group: the processes.
        stage: the same in all of them, with equal weights.
    """

    def __init__(self, group: ProcessGroup, stage: Stage) -> None:
        self.group, self.stage = group, stage
        self._parameters = [p for some in stage.param_groups().values() for p in some]
        self._names: list[str] = []
        self._named = False

    def rows(self, images: int) -> tuple[slice, int]:
        """Return the images of a step that this process computes, and the largest such number."""
        return self.group.share(images), self.group.largest_share(images)

    def draws(self, step: Sequence[Draw], seed: int) -> list[Draw]:
        """Return the images of a step that this process loads: its own, then Mixup partners.

        Args:
            seed: of the random numbers of the step.
        """
        rows = self.group.share(len(step))
        if not self.stage.mixup:
            return list(step[rows])
        with OwnGenerator(seed):
            partner, _ = self.stage.draw_mixup(len(step))
        return [step[position] for position in loaded_positions(rows, partner).tolist()]

    def batches(
        self,
        source: Callable[[Iterator[list[Draw]]], Iterator[tuple[Inputs, Tensor]]],
        plan: EpochPlan,
        epoch: int,
        step: int,
    ) -> Iterator[tuple[Inputs, Tensor]]:
        """Yield the inputs that this process loads and the labels of the whole step, step by step.

        Args:
            source: turns draws into inputs.
            plan: the draws of every step, which are equally many.
            epoch, step: the first.
        """
        steps = (
            (number, place, draws)
            for number in range(epoch, plan.epochs)
            for place, draws in _numbered(plan, number, step if number == epoch else 0)
        )
        loaded, whole = tee(steps)
        rows, _ = self.rows(plan.batch * len(plan.samplers))
        inputs: Iterator[Inputs] = repeat({})  # more processes than images
        if rows.start < rows.stop:
            own = (self.draws(draws, plan.step_seed(*at)) for *at, draws in loaded)
            inputs = (found for found, _ in source(own))
        for (_, _, draws), found in zip(whole, inputs, strict=False):
            yield found, torch.from_numpy(plan.labels[[draw.index for draw in draws]])

    def check_weights(self, tensors: Mapping[str, Tensor]) -> None:
        """Check that all processes have the same weights.

        Raises: LptError naming a process that has not.
        """
        self.group.check_same(digest(tensors), f"{self.stage.name}: weights")

    def add_up(
        self, values: Mapping[str, float], failure: RuntimeError | None, *, memory: bool
    ) -> tuple[dict[str, float], RuntimeError | None]:
        """Replace the gradients by their sums over all processes.

        Args:
            values: the terms of this process's images; {} if it has none, or has failed.
            failure: why this process has to repeat the step; None if it does not.
            memory: whether that is for lack of memory.
        Returns: the terms of the whole step, and why all processes have to repeat it, if they have.
        Raises: TrainingError if a process gives up (`give_up`).
        """
        kind = None if failure is None else (_MEMORY if memory else _COMPILATION)
        values, failures = self._exchange(values, kind)
        if failures[_OTHER]:
            self._agree(None)
        if failures[_MEMORY]:
            return {}, failure if memory else torch.OutOfMemoryError("in another process")
        if failures[_COMPILATION]:
            return {}, failure or RuntimeError("in another process")
        return values, None

    def give_up(self, error: LptError) -> None:
        """End the training in all processes.

        Raises: an error with the message of the first process that gives up.
        """
        self._exchange({}, _OTHER)
        self._agree(error)

    def _exchange(
        self, values: Mapping[str, float], kind: int | None
    ) -> tuple[dict[str, float], list[int]]:
        if not self._named:
            self._names = self._all_names(values)
        failed = [float(kind == other) for other in range(3)]
        known = [values.get(name, 0.0) for name in self._names]
        present = [float(p.grad is not None) for p in self._parameters]
        head = torch.tensor([*failed, *known, *present], dtype=torch.float32)
        device = self._parameters[0].device
        flat = torch.cat([head.to(device), *map(_flat_gradient, self._parameters)])
        self.group.add_up(flat)
        numbers = flat[: len(head)].tolist()
        sums, present = numbers[3 : 3 + len(known)], numbers[3 + len(known) :]
        failures = [int(number) for number in numbers[:3]]
        self._named = not any(failures)
        start = len(head)
        for parameter, one in zip(self._parameters, present, strict=True):
            end = start + parameter.numel()
            if one:
                parameter.grad = flat[start:end].view_as(parameter).to(parameter.dtype)
            start = end
        return dict(zip(self._names, sums, strict=True)), failures

    def _all_names(self, values: Mapping[str, float]) -> list[str]:
        """Names of the terms in any process: one may have images of one branch only."""
        found = self.group.to_main(json.dumps(list(values)).encode())
        names: list[str] = self.group.decided(
            lambda: list(dict.fromkeys(name for own in found for name in json.loads(own)))
        )
        return names

    def _agree(self, error: LptError | None) -> None:
        lines = [] if error is None else list(error.args)
        found = self.group.to_main(json.dumps(lines).encode())

        def fail() -> None:
            raise TrainingError(*next(filter(None, map(json.loads, found))))

        self.group.decided(fail)


def _numbered(plan: EpochPlan, epoch: int, first: int) -> Iterator[tuple[int, list[Draw]]]:
    return enumerate(plan.draws_from(epoch, first), start=first)


def digest(tensors: Mapping[str, Tensor]) -> str:
    """Hash names and values of tensors.

    >>> digest({"a": torch.zeros(2)}) == digest({"a": torch.ones(2)})
    False
    """
    found = hashlib.blake2b(digest_size=16)
    for name, value in sorted(tensors.items()):
        found.update(name.encode())
        found.update(value.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()


def _flat_gradient(parameter: nn.Parameter) -> Tensor:
    gradient = parameter.grad
    if gradient is None:
        return torch.zeros(parameter.numel(), device=parameter.device)
    return gradient.detach().float().reshape(-1)
