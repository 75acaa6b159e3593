"""The images of every step: a pure function of (seed, stage, epoch)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from lpt.data.loading import Draw
from lpt.data.sampling import epoch_batches, sample_epoch, steps_per_epoch
from lpt.random_streams import VIEW_KEY, Stream, random_stream
from lpt.training.engine.stage import Branch

__all__ = ["EpochPlan"]


@dataclass(frozen=True)
class EpochPlan:
    """The draws of every step of a stage.

    Attributes:
        labels: (n,) labels of the training images.
        samplers: name of a sampler (`lpt.data.sampling`) for each branch.
        batch: images per step and branch.
        epochs: E.
        seed, stage: together with the epoch, they determine the draws.
        epoch_images: draws per epoch and branch; None for n.
        views: V to draw from V fixed views of each image; 0 for a new augmentation at every draw.
        short: (epoch, steps) of the epochs that a budget has cut.
    """

    labels: npt.NDArray[np.int64]
    samplers: Sequence[str]
    batch: int
    epochs: int
    seed: int
    stage: int
    epoch_images: int | None = None
    views: int = 0
    short: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(
        cls,
        branches: Sequence[Branch],
        *,
        labels: npt.NDArray[np.int64],
        batch: int,
        epochs: int,
        seed: int,
        stage: int,
        epoch_images: int | None = None,
        views: int = 0,
        short: tuple[tuple[int, int], ...] = (),
    ) -> "EpochPlan":
        """Make a plan with the samplers of these branches."""
        samplers = tuple(branch.sampler for branch in branches)
        return cls(labels, samplers, batch, epochs, seed, stage, epoch_images, views, short)

    @property
    def images(self) -> int:
        """Draws per epoch and branch."""
        return min(len(self.labels), self.epoch_images or len(self.labels))

    @property
    def steps(self) -> int:
        """Steps per epoch: ceil(images / batch)."""
        return steps_per_epoch(self.images, self.batch)

    def steps_of(self, epoch: int) -> int:
        """Steps of an epoch: `steps`, or fewer if it was cut."""
        return min(self.steps, dict(self.short).get(epoch, self.steps))

    def shortened(self, epoch: int, steps: int) -> "EpochPlan":
        """Return the plan with only this number of steps in an epoch."""
        others = (pair for pair in self.short if pair[0] != epoch)
        return replace(self, short=(*others, (epoch, steps)))

    def draws(self, epoch: int) -> list[list[Draw]]:
        """Return the draws of every step of an epoch, branch after branch within a step."""
        return list(self.draws_from(epoch, 0))

    def draws_from(self, epoch: int, first: int) -> Iterator[list[Draw]]:
        """Yield the draws of the steps of an epoch from a step on.

        Draws are made as they are needed: those of an epoch of millions of images take gigabytes.
        """
        branches = [self._branch(epoch, i, name) for i, name in enumerate(self.samplers)]
        for step in range(first, self.steps_of(epoch)):
            yield [draw for branch in branches for draw in branch(step)]

    def step_seed(self, epoch: int, step: int) -> int:
        """Return the seed of all random numbers of a step."""
        stream = random_stream(self.seed, self.stage, epoch, step, Stream.STEP)
        return int(stream.integers(2**63 - 1))

    def view_of(self, index: int, view: int) -> Draw:
        """Return the draw of a fixed view of an image. It belongs to no epoch: its share is 0."""
        return Draw(index, (self.seed, VIEW_KEY, view, index))

    def _share(self, epoch: int) -> float:
        """Return the share of the stage that is done: 0 in its first epoch, 1 in its last."""
        return epoch / (self.epochs - 1) if self.epochs > 1 else 0.0

    def _branch(self, epoch: int, branch: int, sampler: str) -> Callable[[int], list[Draw]]:
        """Return a function that makes the draws of a step."""
        key = {"seed": self.seed, "phase": self.stage, "epoch": epoch}
        ids = sample_epoch(sampler, self.labels, **key)[: self.images]
        batches = epoch_batches(ids, self.batch)
        if self.views:
            stream = random_stream(self.seed, self.stage, epoch, branch, VIEW_KEY)
            chosen = stream.integers(self.views, size=(len(batches), self.batch))
            return lambda step: [
                self.view_of(int(i), int(v))
                for i, v in zip(batches[step], chosen[step], strict=True)
            ]
        share = self._share(epoch)
        return lambda step: [
            Draw(
                int(i), (self.seed, self.stage, epoch, branch, step * self.batch + j, int(i)), share
            )
            for j, i in enumerate(batches[step])
        ]
