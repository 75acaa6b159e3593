"""The training loop: every phase and every baseline runs through `fit`."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from itertools import chain, count
from typing import Any, Protocol

from accelerate import Accelerator
from torch import Tensor
from torch.optim import Optimizer

from lpt.config import OptimConfig
from lpt.data.loading import Draw
from lpt.data.tools.throughput import loading_hint
from lpt.errors import LptError
from lpt.machine.devices import peak_memory
from lpt.machine.group.process_group import ALONE, PeerError, ProcessGroup
from lpt.progress import Reporter
from lpt.training.engine.checkpoint import Checkpoint, Position, optimizer_state, restore_optimizer
from lpt.training.engine.clocks import Limit, WallClock
from lpt.training.engine.compilation import compile_if_right, compile_pays
from lpt.training.engine.optim import build_optimizer, schedule, set_lrs
from lpt.training.engine.sampling_plan import EpochPlan
from lpt.training.engine.shared_step import SharedStep
from lpt.training.engine.stage import Inputs, Progress, Stage
from lpt.training.engine.step import MicroBatch, diverged, train_step
from lpt.training.engine.weight_average import WeightAverage

__all__ = ["Loop", "Source", "Store", "fit"]


class Source(Protocol):
    """Turns draws into inputs of a stage, by loading images or reading cached views."""

    def __call__(self, steps: Iterator[list[Draw]]) -> Iterator[tuple[Inputs, Tensor]]:
        """Yield (inputs, labels) of each step, in the order of the draws."""
        ...


class Store(Protocol):
    """Storage of checkpoints and metrics, such as the run folder."""

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the last checkpoint."""

    def save_best(self, stage: str, trainable: Mapping[str, Tensor]) -> None:
        """Replace the best weights of a stage."""

    def log(self, record: Mapping[str, Any]) -> None:
        """Append a line of metrics."""


@dataclass(frozen=True)
class Loop:
    """The surroundings of a stage in `fit`.

    Attributes:
        accelerator: device and precision.
        source: turns draws into inputs.
        store: receives checkpoints and metrics.
        trainable: returns the tensors that a checkpoint holds, by name.
        validate: returns the metrics of the stage on validation images; None if there are none.
        reporter: receives progress and messages.
        checkpoint_seconds: seconds between two checkpoints within an epoch.
        workers: loading processes of the source; only used for a hint if loading is slow.
        micro_batch: images per micro-batch at first; None for the whole step.
        compile: whether to compile the steps: auto, on or off (`compile_pays`).
        limit: ends epochs early, or adds some after the first; None for no limit.
        group: the processes that share the steps; each has a loop of its own, and the same plan.
    """

    accelerator: Accelerator
    source: Source
    store: Store
    trainable: Callable[[], dict[str, Tensor]]
    validate: Callable[[Stage], Mapping[str, float | None] | None]
    reporter: Reporter
    checkpoint_seconds: float
    workers: int = 0
    micro_batch: int | None = None
    compile: str = "off"
    limit: Limit | None = None
    group: ProcessGroup = ALONE


def fit(
    loop: Loop, stage: Stage, plan: EpochPlan, optim: OptimConfig, resume: Checkpoint | None = None
) -> Checkpoint:
    """Train a stage to its last epoch, from the start or from a checkpoint.

    Resuming from any checkpoint gives bit-identical final weights on the same machine with the same
    number of threads and processes. A KeyboardInterrupt, or the end of another process, leaves a
    checkpoint of the last whole step.

    Args:
        plan: the draws of every step.
        optim: optimiser, learning rates and schedule.
        resume: None starts anew; else the caller has loaded its `trainable` into the model.
    Returns: the last checkpoint; its `best` holds the best validation score (macro accuracy) and
        its epoch.
    Raises: TrainingError if the loss or a weight is not finite; such weights are never saved.
        RunError if the checkpoint is not of this stage.
    """
    if resume is not None:
        resume.check_within(plan.stage, plan.epochs, plan.steps)
    optimizer = build_optimizer(optim, stage.param_groups(), plan.batch, stage.lr_factors())
    accelerator = loop.accelerator
    average = WeightAverage(optimizer, optim.average) if optim.average else None
    state = resume or Checkpoint(Position(plan.stage), {})
    if resume is not None and resume.optimizer:
        restore_optimizer(optimizer, resume.optimizer, resume.origin)
    prepared_optimizer = accelerator.prepare(
        optimizer
    )  # not the stage: the wrapper would copy Terms
    first = state.position
    sums = dict(state.sums)
    best = state.best
    micro = MicroBatch(state.micro_batch or loop.micro_batch, loop.reporter.message)
    clock = WallClock(state.seconds.get(stage.name, 0.0))
    settled = _Settled(optimizer)

    def trainable(epoch: int) -> dict[str, Tensor]:
        tensors = loop.trainable()
        broken = [name for name, tensor in tensors.items() if not tensor.isfinite().all()]
        if broken:
            raise diverged(stage, f"{broken[0]} is not finite", epoch, optimizer)
        return tensors

    def end(epoch: int) -> None:
        if average is not None and epoch + 1 >= plan.epochs:
            average.apply()

    def checkpoint(position: Position, tensors: Mapping[str, Tensor]) -> Checkpoint:
        saved = Checkpoint(
            position,
            tensors,
            optimizer_state(optimizer),
            dict(sums),
            {**state.seconds, stage.name: clock.total()},
            best,
            max(state.peak_memory, peak_memory(accelerator.device)),
            micro.images,
        )
        loop.store.save(saved)
        clock.saved()
        return saved

    total_steps = sum(map(plan.steps_of, range(plan.epochs)))
    done = sum(map(plan.steps_of, range(first.epoch))) + first.step
    loop.reporter.begin(stage.name, total_steps, done)
    shared = SharedStep(loop.group, stage) if loop.group.size > 1 else None
    batches = _batches(loop, plan, shared, first.epoch, first.step)
    stage.train()
    compiling = compile_pays(loop.compile, accelerator.device, total_steps)
    try:
        for epoch in count(first.epoch):
            if epoch >= plan.epochs:
                break
            if epoch == 1 and (first.epoch, first.step) == (0, 0) and loop.limit is not None:
                epochs = loop.limit.lengthened()
                if epochs is not None:
                    plan = replace(plan, epochs=epochs)
                    batches = _batches(loop, plan, shared, epoch)
                    total_steps = sum(map(plan.steps_of, range(epochs)))
                    loop.reporter.begin(stage.name, total_steps, plan.steps_of(0))
            clock.epoch()
            images = 0
            start = first.step if epoch == first.epoch else 0
            if loop.limit is not None and not loop.limit.begin(epoch):
                plan = plan.shortened(epoch, 0)
                end(epoch)
                state = checkpoint(Position(plan.stage, epoch + 1), trainable(epoch))
                batches = _batches(loop, plan, shared, epoch + 1)
            if not plan.steps_of(epoch):
                continue
            for step in range(start, plan.steps_of(epoch)):
                with clock.waiting():
                    inputs, labels = next(batches)
                set_lrs(
                    optimizer,
                    schedule(
                        epoch * plan.steps + step, plan.steps, plan.epochs, optim.warmup_epochs
                    ),
                )
                progress, seed = Progress(epoch, plan.epochs), plan.step_seed(epoch, step)
                if compiling:
                    compile_if_right(
                        accelerator,
                        stage,
                        optimizer,
                        inputs,
                        labels,
                        progress,
                        seed=seed,
                        micro=micro,
                        shared=shared,
                    )
                    compiling = False
                values = train_step(
                    accelerator,
                    stage,
                    prepared_optimizer,
                    inputs,
                    labels,
                    progress,
                    seed=seed,
                    clip_norm=optim.clip_norm,
                    noise=optim.noise,
                    micro=micro,
                    shared=shared,
                )
                for name, value in values.items():
                    sums[name] = sums.get(name, 0.0) + value
                images += len(labels)
                settled.position = Position(plan.stage, epoch, step + 1)
                loop.reporter.advance(note=f"loss {sums['loss'] / (step + 1):.3f}")
                if step + 1 == plan.steps_of(epoch):
                    break
                if loop.limit is not None and loop.limit.over(epoch, step + 1):
                    plan = plan.shortened(epoch, step + 1)
                    batches = _batches(loop, plan, shared, epoch + 1)
                    break
                if clock.due(loop.checkpoint_seconds):
                    checkpoint(Position(plan.stage, epoch, step + 1), trainable(epoch))
            if loop.limit is not None:
                loop.limit.end_steps(plan.steps_of(epoch) - start)
            record: dict[str, Any] = {
                "stage": stage.name,
                "epoch": epoch,
                "epochs": plan.epochs,
                **{name: value / plan.steps_of(epoch) for name, value in sums.items()},
                "images_per_second": images / clock.in_epoch(),
                "loading_share": clock.waited / clock.in_epoch(),
            }
            hint = loading_hint(clock.waited, clock.in_epoch(), workers=loop.workers)
            if hint and epoch == first.epoch:
                loop.reporter.message(f"hint      {hint}")
            settled.position = None  # the next checkpoint is that of the epoch
            end(epoch)
            tensors = trainable(epoch)
            if shared is not None:
                shared.check_weights(tensors)
            stage.eval()
            with average.in_use() if average else nullcontext():
                validation = loop.validate(stage)
                scored = trainable(epoch) if average else tensors
            stage.train()
            if validation is not None:
                record["val"] = dict(validation)
                score = record["val"]["macro"] or 0.0
                if best is None or score >= best[0]:
                    best = (score, epoch)
                    loop.store.save_best(stage.name, scored)
            record["seconds"] = clock.in_epoch()
            sums.clear()
            loop.store.log(record)
            state = checkpoint(Position(plan.stage, epoch + 1), tensors)
            loop.reporter.epoch(record)
    except (KeyboardInterrupt, PeerError):
        if settled.position is not None:
            with suppress(LptError):
                checkpoint(settled.position, trainable(settled.position.epoch))
        raise
    finally:
        loop.reporter.end()
        stage.eval()
        accelerator.free_memory()
    return state


def _batches(
    loop: Loop, plan: EpochPlan, shared: SharedStep | None, epoch: int, step: int = 0
) -> Iterator[tuple[Inputs, Tensor]]:
    """Inputs and labels of every step from a position on."""
    if shared is not None:
        return shared.batches(loop.source, plan, epoch, step)
    epochs = range(epoch, plan.epochs)
    draws = (plan.draws_from(e, step if e == epoch else 0) for e in epochs)
    return loop.source(chain.from_iterable(draws))


class _Settled:
    """The last position at which weights, optimiser and sums agree; None during an update."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.position: Position | None = None
        optimizer.register_step_pre_hook(self._unsettle)

    def _unsettle(self, *_: Any) -> None:
        self.position = None
