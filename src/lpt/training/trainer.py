"""A run from data to prompt file: estimate, both phases, evaluate, save."""

import shutil
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lpt.backbones import hash_weights
from lpt.devices import peak_memory, reset_peak_memory
from lpt.errors import RunError
from lpt.evaluation import fit_temperature
from lpt.files import write_json
from lpt.model.two_pass import LongTailedPromptModel
from lpt.progress import human_time
from lpt.task import Task
from lpt.task.run_result import Result, Summary
from lpt.task_file import BackboneRecord, TaskSpec, save_task
from lpt.training.budget import fit_budget, run_seconds
from lpt.training.engine.checkpoint import Checkpoint, Position, load_trainable, trainable_state
from lpt.training.engine.loop import Loop, fit
from lpt.training.engine.sampling_plan import EpochPlan
from lpt.training.engine.stage import Stage
from lpt.training.engine.view_cache import NoRoomError, ViewCache, build_cache
from lpt.training.pace import measure_pace
from lpt.training.phases.build_stages import PHASES, build_model, build_stage, plan_of
from lpt.training.phases.class_means import interpolate_with_class_means
from lpt.training.phases.initialization import start_classifier, start_pool
from lpt.training.run.data_identity import data_identity
from lpt.training.run.run_folder import RunFolder
from lpt.training.run.training_context import TrainingContext

__all__ = ["Trainer"]


class Trainer:
    """Long-tailed prompt tuning of one data set.

    Args:
        bench: data, backbone, device.
        folder: where the run is kept.

    Attributes:
        model_type: what is trained; an ablation's is another.
    """

    model_type = LongTailedPromptModel

    def __init__(self, context: TrainingContext, folder: RunFolder) -> None:
        self.context = context
        self.folder = folder
        self.config = context.config
        torch.manual_seed(self.config.seed)
        self.model = build_model(
            self.config, context.backbone, context.data.num_classes, self.model_type
        ).to(context.accelerator.device)
        self.model.eval()  # `fit` alone trains; a resumed run may come to evaluation without it

    @property
    def prompt_parameters(self) -> int:
        """Shared and group prompts, as the paper counts them (keys and head not included)."""
        return self.model.shared.prompts.numel() + self.model.pool.prompts.numel()

    @property
    def other_parameters(self) -> int:
        """Keys and classifier."""
        return self.model.pool.keys.numel() + self.model.classifier.weight.numel()

    def identity(self) -> dict[str, Any]:
        """What must be the same when the run goes on: data and backbone."""
        return {**data_identity(self.context.data), "backbone": self.context.backbone.spec.sha256}

    def fit_budget(self, seconds: float | None) -> None:
        """Time a few steps, say how long the run takes, cut it to a budget where one is given."""
        pace = measure_pace(self.context, self.config, self._stage)
        self.config, cuts = fit_budget(self.config, pace, seconds)
        self.context.config = self.config
        if cuts:
            label = "note      " if seconds is None else f"budget    {human_time(seconds)}: "
            self.context.reporter.message(label + "; ".join(cuts))
        self.context.reporter.message(
            f"estimate  {human_time(run_seconds(self.config, pace))} on this machine "
            f"({self.config.phase1.epochs} + {self.config.phase2.epochs} epochs)"
        )

    def take_phase1(
        self, shared: Tensor, classifier: Tensor, *, seconds: float = 0.0, peak_memory: int = 0
    ) -> None:
        """Go on from a phase 1 trained elsewhere as if trained here, unless the run has begun.

        Args:
            shared: (L, P, D) shared prompts, trained elsewhere on the same data and backbone.
            classifier: (C, D) its raw weights, as that phase left them at its end.
            seconds, peak_memory: what that training took, for this run's own account.
        Raises: RunError if their shapes are not this run's.
        """
        if self.folder.last_file.is_file():
            return
        trainable = {"shared.prompts": shared, "classifier.weight": classifier}
        load_trainable(self.model, {**trainable_state(self.model), **trainable}, "phase 1")
        checkpoint = Checkpoint(
            Position(0, self.config.phase1.epochs),
            trainable_state(self.model),
            seconds={"phase1": seconds},
            peak_memory=peak_memory,
        )
        self._leave(0, "phase1", checkpoint)

    def run(self) -> tuple[Task, Result]:
        """Train from wherever the run folder stands, evaluate, write the prompt file."""
        reset_peak_memory(self.context.accelerator.device)
        checkpoint = self.folder.checkpoint(PHASES)
        if checkpoint is None:
            began = time.monotonic()
            start_classifier(self.model, self.context)
            spent = {PHASES[0]: time.monotonic() - began}
            checkpoint = Checkpoint(Position(), trainable_state(self.model), seconds=spent)
            self.folder.save(checkpoint)
        load_trainable(self.model, checkpoint.trainable, self.folder.last_file)
        for index, name in enumerate(PHASES):
            if index >= checkpoint.position.stage:
                checkpoint = self._run_stage(index, name, checkpoint)
        # Gigabytes that nothing reads again; a kill may have kept the phase from removing them.
        shutil.rmtree(self._cache_folder, ignore_errors=True)
        return self._finish(checkpoint)

    def _run_stage(self, index: int, name: str, checkpoint: Checkpoint) -> Checkpoint:
        stage = self._stage(name)
        plan = plan_of(stage, self.config, self.context.train_split.labels)
        if checkpoint.position.epoch < plan.epochs:
            cache, began = None, time.monotonic()
            while plan.views and cache is None:
                try:
                    cache = self._cache(stage, plan)
                except NoRoomError as full:
                    self._keep_views(full, begun=checkpoint.position > Position(index))
                    plan = plan_of(stage, self.config, self.context.train_split.labels)
            checkpoint = checkpoint.spent(name, time.monotonic() - began)
            loop = Loop(
                self.context.accelerator,
                cache or self.context.image_source,
                self.folder,
                lambda: trainable_state(self.model),
                lambda stage: self.context.validate(stage.predict),
                self.context.reporter,
                self.config.checkpoint_seconds,
                self.context.workers,
                self.config.micro_batch,
                self.config.compile,
            )
            checkpoint = fit(loop, stage, plan, getattr(self.config, name).optim, checkpoint)
        if self.config.selection == "best" and checkpoint.best is not None:
            load_trainable(self.model, self.folder.load_best(name), self.folder.best_file(name))
        if plan.epochs:
            began = time.monotonic()
            interpolate_with_class_means(stage, self.context, self.config.classifier.mean_weight)
            checkpoint = checkpoint.spent(name, time.monotonic() - began)
        return self._leave(index, name, checkpoint)

    def _leave(self, index: int, name: str, checkpoint: Checkpoint) -> Checkpoint:
        """Keep what a phase ends with, and begin the next one."""
        self.folder.save_best(f"{name}-selected", trainable_state(self.model))
        if name == "phase1" and self.config.phase2.epochs:
            began = time.monotonic()
            start_pool(self.model, self.context)
            checkpoint = checkpoint.spent("phase2", time.monotonic() - began)
        following = Checkpoint(
            Position(index + 1),
            trainable_state(self.model),
            seconds=checkpoint.seconds,
            peak_memory=checkpoint.peak_memory,
        )
        self.folder.save(following)
        return following

    def _keep_views(self, full: NoRoomError, *, begun: bool) -> None:
        """Go on with fewer cached views, and let the folder say so for when the run is resumed."""
        if begun:
            raise RunError(
                f"{self._cache_folder}: no room for the cached views that phase 2 began with. "
                "Free some space, and go on with --resume."
            )
        left = f"with {full.views} views" if full.views else "without them"
        self.context.reporter.message(f"cache     {full}; training goes on {left}")
        self.config = self.context.config = self.config.changed({"phase2.cached_views": full.views})
        self.folder.keep(self.config)

    @property
    def _cache_folder(self) -> Path:
        return self.folder.path / "cache"

    def _cache(self, stage: Stage, plan: EpochPlan) -> ViewCache:
        """Fixed views of the training images, computed once. Raises: NoRoomError if too many."""
        spec = self.context.backbone.spec
        upstream = {
            **self.identity(),
            "image size": spec.image_size,
            "LayerNorm eps": spec.layer_norm_eps,
            "augmentation": self.config.augment.model_dump(mode="json"),
            "shared prompts": hash_weights({"shared": self.model.shared.prompts}),
            "shared blocks": self.model.split,
            "precision": self.context.accelerator.mixed_precision,
        }
        return build_cache(
            self._cache_folder / stage.name,
            stage,
            plan,
            self.context.image_source,
            upstream,
            self.context.reporter,
            dtype=self.config.phase2.cache_dtype,
            limit_gb=self.config.phase2.cache_limit_gb,
            device=self.context.accelerator.device,
            autocast=self.context.autocast,
        )

    def _finish(self, checkpoint: Checkpoint) -> tuple[Task, Result]:
        phases = 2 if self.config.phase2.epochs else 1
        metrics: dict[str, dict[str, Summary]] = {}
        usual = temperature = TaskSpec.model_fields["temperature"].default
        for number, name in enumerate(PHASES[:phases], start=1):
            load_trainable(self.model, self.folder.load_best(f"{name}-selected"), self.folder.path)
            self.model.phases = number
            metrics[name] = {}
            for data in ("val", "test"):
                held = {
                    "val": self.context.validation,
                    "test": self.context.data.splits.get("test"),
                }
                split = held[data]
                if split is None or not len(split):
                    continue
                found = self.context.predict(
                    self.model.predict, split, f"{name} on {data}", exact=True
                )
                metrics[name][data] = self.context.score(found).summary()
                if data == "val":
                    temperature = fit_temperature(found.logits, found.labels, usual)
        spec = self._task_spec(phases, temperature, metrics)
        size = save_task(self.folder.task_file, self.model, spec)
        result = Result(
            metrics,
            size,
            self.prompt_parameters,
            self.other_parameters,
            dict(checkpoint.seconds),
            max(checkpoint.peak_memory, peak_memory(self.context.accelerator.device)),
        )
        write_json(self.folder.path / "results.json", asdict(result))
        return Task(self.model, spec), result

    def _stage(self, name: str) -> Stage:
        stage = build_stage(name, self.config, self.model, self.context.counts)
        return stage.to(self.context.accelerator.device)

    def _task_spec(self, phases: int, temperature: float, metrics: Any) -> TaskSpec:
        backbone, shape, groups = self.context.backbone.spec, self.model.shape, self.context.groups
        record = {name: getattr(backbone, name) for name in BackboneRecord.model_fields}
        return TaskSpec(
            name=self.folder.path.resolve().name,
            class_names=tuple(self.context.data.class_names),
            class_counts=tuple(self.context.counts.tolist()),
            backbone=BackboneRecord(**record),
            shared_blocks=self.model.split,
            prompt_length=shape.length,
            pool_size=shape.pool_size,
            top_k=shape.top_k,
            phases=2 if phases == 2 else 1,
            resize_rule=self.config.augment.resize_rule,
            resize=self.context.resize,
            many_above=groups.many_above,
            few_below=groups.few_below,
            temperature=temperature,
            metrics=metrics,
        )
