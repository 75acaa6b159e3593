"""A run from data to task file: estimate, train every phase, evaluate, save."""

import shutil
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from lpt.config import RunConfig
from lpt.errors import RunError
from lpt.machine.devices import peak_memory, reset_peak_memory
from lpt.machine.own_generator import OwnGenerator
from lpt.model.two_pass import LongTailedPromptModel
from lpt.task import Task
from lpt.task.run_result import Result, Summary, write_result
from lpt.task_records import EarlyRecord
from lpt.task_spec import PARAMETERS
from lpt.training.budget_watch import BudgetWatch, clock_of, plan_time, report_cuts, resumed_watch
from lpt.training.engine.checkpoint import Checkpoint, Position, load_trainable, trainable_state
from lpt.training.engine.loop import Loop, fit
from lpt.training.engine.stage import Stage
from lpt.training.engine.view_cache import NoRoomError
from lpt.training.estimate import Pace
from lpt.training.phases.build_stages import PHASES, build_model, trainable_parameters
from lpt.training.phases.class_means import interpolate_with_class_means
from lpt.training.phases.distil_matching import chosen_matching
from lpt.training.phases.phase import Phase
from lpt.training.phases.text_start import begin_text, zero_shot_scores
from lpt.training.processes.final_scores import score_phase, write_task
from lpt.training.processes.shared_evaluation import shared_validation
from lpt.training.pseudo.pseudo_labels import PseudoLabels
from lpt.training.run.data_identity import run_identity
from lpt.training.run.memory_check import check_run_memory
from lpt.training.run.phase_cache import phase_cache
from lpt.training.run.run_folder import RunFolder
from lpt.training.run.task_calibration import TaskCalibration
from lpt.training.run.training_context import TrainingContext

__all__ = ["Trainer"]


class Trainer:
    """Long-tailed prompt tuning of one data set.

    Args:
        context: data, backbone, device and configuration.
        folder: files of the run.

    Attributes:
        phases: descriptions of the phases in order; ablations replace some.
        model_type: class of the model; ablations replace it.
        model: the model, on the device.
        pseudo: unlabelled photos that phase 2 trains on.
        resumed_at: when a resumed run began again, by `time.monotonic`. `run` then watches what is
            left of the budget it was started with.
    Raises: ConfigError if the prompts do not fit the backbone or the memory.
    """

    phases: tuple[Phase, ...] = PHASES
    model_type = LongTailedPromptModel

    def __init__(self, context: TrainingContext, folder: RunFolder) -> None:
        self.context = context
        self.folder = folder
        classes = context.data.num_classes
        check_run_memory(context)
        with OwnGenerator(self.config.seed):
            model = build_model(self.config, context.backbone, classes, self.model_type)
        self.model = model.to(context.accelerator.device).eval()
        self.pseudo = PseudoLabels.of_run(context)
        self.phases = self.pseudo.timed(self.phases, context)
        self.watch: BudgetWatch | None = None
        self.resumed_at: float | None = None

    @property
    def config(self) -> RunConfig:
        """The configuration that the run follows now; the context holds it."""
        return self.context.config

    @property
    def prompt_parameters(self) -> int:
        """Number of trainable parameters in prompts, as the paper counts them."""
        return self._count(prompts=True)

    @property
    def other_parameters(self) -> int:
        """Number of the other trainable parameters: adapters, keys and classifier."""
        return self._count(prompts=False)

    def identity(self) -> dict[str, Any]:
        """Return the facts that must be unchanged on resume: data and backbone."""

        def facts() -> dict[str, Any]:
            found = run_identity(self.context.data, content=self.config.data.check_content)
            backbone = self.context.backbone.spec.sha256
            return {**found, **self.pseudo.identity, "backbone": backbone}

        return dict(self.context.group.decided(facts, patient=True))

    def stage(self, phase: Phase) -> Stage:
        """Build the stage of a phase, on the device."""
        stage = phase.build_stage(self.config, self.model, self.context.train_counts)
        return stage.to(self.context.accelerator.device)

    def fit_budget(self, seconds: float | None, began: float | None = None) -> Pace:
        """Time a few steps, report the estimated duration, and cut the run to a budget.

        With a budget, `run` also watches the clock, and cuts epochs if the machine slows down.

        Args:
            seconds: the budget; None only drops cached views that would not pay.
            began: when the budget began, by `time.monotonic`; None for now.
        Returns: what was measured.
        Raises: ConfigError if even the shortest run would take longer.
        """
        self.watch, pace = plan_time(self.context, self.phases, self.stage, seconds, began)
        return pace

    def take_phase1(
        self, tensors: Mapping[str, Tensor], *, seconds: float = 0.0, peak_memory: int = 0
    ) -> None:
        """Use a phase 1 that was trained in another run; ignored if this run has a checkpoint.

        Args:
            tensors: of the task file of that run, trained on the same data and backbone.
            seconds: duration of that training, for this run's record.
            peak_memory: its peak memory use in bytes, likewise.
        Raises: RunError if a tensor has no place in this run's model, or another shape there.
        """
        if self.folder.last_file.is_file():
            return
        phase = self.phases[0]
        trained = {PARAMETERS[name]: tensor for name, tensor in tensors.items()}
        load_trainable(self.model, {**trainable_state(self.model), **trained}, "phase 1")
        checkpoint = Checkpoint(
            Position(phase.index, phase.section(self.config).epochs),
            trainable_state(self.model),
            seconds={phase.name: seconds},
            peak_memory=peak_memory,
        )
        self._end(phase, checkpoint)

    def run(self) -> tuple[Task, Result]:
        """Train from the start or from the last checkpoint, evaluate, and write the task file.

        Returns: the trained task and the record of the run, also written to results.json.
        Raises: TrainingError if training diverges or a single image exceeds the memory; RunError if
            files of the run are damaged or cannot be written.
        """
        reset_peak_memory(self.context.accelerator.device)
        self.model.early = None  # no part of a checkpoint
        epochs = {phase.name: phase.section(self.config).epochs for phase in self.phases}
        checkpoint = self.folder.checkpoint(epochs)
        if self.resumed_at is not None:
            used = 0.0 if checkpoint is None else sum(checkpoint.seconds.values())
            self.watch = resumed_watch(
                self.context, self.phases, self.stage, self.folder.path, self.resumed_at - used
            )
        if checkpoint is None:
            checkpoint = self._begin(0, Checkpoint(Position(), {}))
        elif checkpoint.position.stage:
            self.pseudo.resume(self.context, self.folder.path)
        load_trainable(self.model, checkpoint.trainable, self.folder.last_file)
        for phase in self.phases[checkpoint.position.stage :]:
            checkpoint = self._train(phase, checkpoint)
        if self.context.group.is_main:  # also what an interruption left: it takes gigabytes
            shutil.rmtree(self._cache_folder, ignore_errors=True)
        return self._finish(checkpoint)

    def _begin(self, index: int, checkpoint: Checkpoint) -> Checkpoint:
        """Initialise the parameters of the phase at an index, if it is trained, and save."""
        if index < len(self.phases) and self.phases[index].is_trained(self.config):
            began = time.monotonic()
            run = self.folder.intact().path
            if index:
                self.pseudo.begin(self.model, self.context, run)
            else:
                begin_text(self.context, run)
            self.phases[index].start(self.model, self.context)
            checkpoint = checkpoint.spent(self.phases[index].name, time.monotonic() - began)
        first = Checkpoint(
            Position(index),
            trainable_state(self.model),
            seconds=checkpoint.seconds,
            peak_memory=checkpoint.peak_memory,
        )
        self.folder.save(first)
        return first

    def _train(self, phase: Phase, checkpoint: Checkpoint) -> Checkpoint:
        stage = self.stage(phase)
        plan = phase.plan(stage, self.config, self.context.train_split.labels)
        if checkpoint.position.epoch < plan.epochs:
            cache, began = None, time.monotonic()
            if self.watch is not None and not self.context.group.decided(
                partial(self.watch.has_time_for_cache, self.config, phase)
            ):
                self._change({f"{phase.name}.cached_views": 0})
                self.context.reporter.message("budget    no time for cached views")
                plan = phase.plan(stage, self.config, self.context.train_split.labels)
            while plan.views and cache is None:
                try:
                    cache = phase_cache(
                        self.context, self.model, self._cache_folder, stage, plan, self.identity()
                    )
                except NoRoomError as full:
                    started = checkpoint.position > Position(phase.index)
                    self._reduce_views(phase, full, started=started)
                    plan = phase.plan(stage, self.config, self.context.train_split.labels)
            checkpoint = checkpoint.spent(phase.name, time.monotonic() - began)
            loop = Loop(
                self.context.accelerator,
                cache or self.context.image_source,
                self.folder,
                lambda: trainable_state(self.model),
                lambda stage: shared_validation(self.context, stage.predict),
                self.context.reporter,
                self.config.checkpoint_seconds,
                self.context.workers,
                self.config.micro_batch,
                self.config.compile,
                clock_of(self.watch, self.context, phase, self._change),
                self.context.group,
            )
            checkpoint = fit(loop, stage, plan, phase.section(self.config).optim, checkpoint)
            report_cuts(self.watch, self.context, phase)
        if self.config.selection == "best" and checkpoint.best is not None:
            best = self.folder.load_best(phase.name)
            load_trainable(self.model, best, self.folder.best_file(phase.name))
        if plan.epochs:
            began = time.monotonic()
            interpolate_with_class_means(stage, self.context, self.config.classifier.mean_weight)
            checkpoint = checkpoint.spent(phase.name, time.monotonic() - began)
        return self._end(phase, checkpoint)

    def _end(self, phase: Phase, checkpoint: Checkpoint) -> Checkpoint:
        """Save the final weights of a phase, and begin the next one."""
        self.folder.save_best(phase.selected, trainable_state(self.model))
        return self._begin(phase.index + 1, checkpoint)

    def _reduce_views(self, phase: Phase, full: NoRoomError, *, started: bool) -> None:
        """Continue with fewer cached views, also when the run is resumed later."""
        if started:
            raise RunError(
                f"{self._cache_folder}: no room for the cached views that {phase.name} started "
                "with. Free some space and resume the run."
            )
        left = f"with {full.views} views" if full.views else "without cached views"
        self.context.reporter.message(f"cache     {full}; training {left}")
        self._change({f"{phase.name}.cached_views": full.views})

    def _change(self, settings: dict[str, Any]) -> None:
        """Change the configuration of a run that has begun, also for when it is resumed."""
        self.context.update(self.config.changed(settings))
        self.folder.keep(self.config)

    @property
    def _cache_folder(self) -> Path:
        return self.folder.path / "cache"

    def _finish(self, checkpoint: Checkpoint) -> tuple[Task, Result]:
        """Evaluate the model after each phase, and write task file and results."""
        metrics, calibration = dict[str, dict[str, Summary]](), TaskCalibration()
        early: EarlyRecord | None = None
        for phase in self._trained_phases:
            weights = self.folder.load_best(phase.selected)
            load_trainable(self.model, weights, self.folder.best_file(phase.selected))
            self.model.phases = phase.number
            predict, early = chosen_matching(self.model, self.context)
            metrics[phase.name], calibration = score_phase(self.context, predict, phase.name)
        spec, size = write_task(
            self.folder,
            self.context,
            self.model,
            calibration=calibration,
            metrics=metrics,
            early=early,
        )
        result = Result(
            {**zero_shot_scores(self.context, self.folder.path), **metrics},
            size,
            self.prompt_parameters,
            self.other_parameters,
            dict(checkpoint.seconds),
            max(checkpoint.peak_memory, peak_memory(self.context.accelerator.device)),
        )
        if self.context.group.is_main:
            write_result(self.folder.path, result)
        return Task(self.model, spec), result

    @property
    def _trained_phases(self) -> list[Phase]:
        return [phase for phase in self.phases if phase.is_trained(self.config)]

    def _count(self, *, prompts: bool) -> int:
        parameters = trainable_parameters(map(self.stage, self._trained_phases))
        return sum(p.numel() for role, p in parameters if (role == "prompts") is prompts)
