"""A run from data to prompt file: open, estimate, both phases, evaluate, save."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lpt.backbones import FrozenViT, load_backbone, warn_if_leaky
from lpt.classifier import class_means
from lpt.config import RunConfig
from lpt.data import (
    ClassGroups,
    Draw,
    EvalBatches,
    ImageDataset,
    Manifest,
    Split,
    Transform,
    eval_transform,
    make_loader,
    open_data,
    random_stream,
    train_transform,
)
from lpt.errors import DataError
from lpt.evaluation import Metrics, evaluate, fit_temperature
from lpt.evaluation.predict import predict
from lpt.files import write_json
from lpt.model import LongTailedPromptModel
from lpt.records import Predictions
from lpt.task import Task
from lpt.task_file import BackboneRecord, TaskSpec, save_task
from lpt.training.checkpoint import Checkpoint, Position, learned_state, load_learned
from lpt.training.estimate import Pace, fit_budget, run_seconds
from lpt.training.launch import default_workers, make_accelerator
from lpt.training.loop import Loop, fit, train_step
from lpt.training.phases import PHASES, build_stage, plan_of, prompt_shape
from lpt.training.reporting import Reporter, human_time
from lpt.training.runs import RunFolder
from lpt.training.stages import Inputs, Progress, Stage

__all__ = ["Result", "Session"]

EVAL_BATCH = 64
TIMED_STEPS = 2


@dataclass(frozen=True)
class Result:
    """What a finished run measured.

    Attributes:
        metrics: summaries by phase ("phase1", "phase2") and data ("val", "test").
        task_bytes: size of the prompt file.
        prompt_parameters, classifier_parameters: what learned.
        seconds: of training, resumed parts included.
    """

    metrics: Mapping[str, Mapping[str, Mapping[str, float | None]]]
    task_bytes: int
    prompt_parameters: int
    classifier_parameters: int
    seconds: float


class Session:
    """One training run with everything it holds in memory.

    Args:
        config: the run; `data.source` names the data.
        folder: where it is kept.
        reporter: told of progress.
        device: "cpu" keeps off a GPU; None takes what there is.
        backbone: loaded already, or None to load the configuration's.
        data: opened already, or None to open the configuration's.
    """

    def __init__(
        self,
        config: RunConfig,
        folder: RunFolder,
        reporter: Reporter,
        *,
        device: str | None = None,
        backbone: FrozenViT | None = None,
        data: Manifest | None = None,
    ) -> None:
        self.config = config
        self.folder = folder
        self.reporter = reporter
        self.data = data or open_data(
            config.data.source,
            seed=config.seed,
            val_fraction=config.data.val_fraction,
            test_fraction=config.data.test_fraction,
        )
        self.train_split = self.data.split("train")
        self.counts = torch.from_numpy(np.asarray(self.data.counts("train"), dtype=np.int64))
        if self.data.num_classes < 2:
            raise DataError(
                f"{config.data.source}: one class only ('{self.data.class_names[0]}'). "
                "A classifier needs two or more."
            )
        warning = warn_if_leaky(config.backbone)
        if warning:
            reporter.message(warning)
        self.backbone = backbone or load_backbone(
            config.backbone, image_size=config.image_size, layer_norm_eps=config.layer_norm_eps
        )
        self.accelerator = make_accelerator(config.precision, device)
        self.workers = default_workers(self.accelerator, config.data.workers)
        torch.manual_seed(config.seed)
        self.model = LongTailedPromptModel(
            self.backbone,
            self.data.num_classes,
            prompt_shape(config),
            dropout=config.classifier.dropout,
        ).to(self.accelerator.device)
        self.groups = ClassGroups(config.data.many_above, config.data.few_below)

    # --- what a person wants to know before it starts -------------------------------------------

    @property
    def prompt_parameters(self) -> int:
        """Shared and group prompts, as the paper counts them (keys and head not included)."""
        return self.model.shared.prompts.numel() + self.model.pool.prompts.numel()

    @property
    def classifier_parameters(self) -> int:
        """Keys and classifier."""
        return self.model.pool.keys.numel() + self.model.classifier.weight.numel()

    def describe(self) -> str:
        """Data, backbone and what will learn, in three lines."""
        train, total = self.train_split, sum(p.numel() for p in self.backbone.parameters())
        held = {name: len(split) for name, split in self.data.splits.items() if name != "train"}
        sizes = ", ".join(f"{count:,} {name}" for name, count in held.items())
        missing = self._classes_without_test()
        lines = [
            f"data      {self.data.name}: {self.data.num_classes} classes, {len(train):,} training "
            f"images ({int(self.counts.max()):,} to {int(self.counts.min()):,} a class), {sizes}",
            f"backbone  {self.backbone.spec.name}: {total:,} frozen parameters, "
            f"{self.backbone.spec.image_size} px, {self.accelerator.device}, "
            f"{'bf16' if self.accelerator.mixed_precision == 'bf16' else 'float32'}",
            f"learns    {self.prompt_parameters:,} prompt parameters, "
            f"{self.classifier_parameters:,} in keys and classifier "
            f"({100 * (self.prompt_parameters + self.classifier_parameters) / total:.1f} % of the "
            f"backbone; {4e-6 * (self.prompt_parameters + self.classifier_parameters):.1f} MB)",
        ]
        if missing:
            lines.append(
                f"note      {missing} classes have no test image: they are trained, left out of "
                "macro accuracy, and count as errors where they are predicted"
            )
        return "\n".join(lines)

    def measure_pace(self) -> Pace:
        """Time a few steps and predictions of each phase; no weight changes."""
        steps, images = [], []
        sample = self._evaluation_sample()
        for name in PHASES:
            stage = self._stage(name)
            plan = plan_of(stage, self.config, self.train_split.labels)
            source = self._image_source(iter(plan.draws(0)[: TIMED_STEPS + 1]), workers=0)
            stage.train()
            began = time.monotonic()
            for i, (inputs, labels) in enumerate(source):
                if i == 1 or plan.steps == 1:
                    began = time.monotonic()
                progress = Progress(0, max(1, plan.epochs))
                train_step(self.accelerator, stage, None, inputs, labels, progress)
            timed = min(TIMED_STEPS, max(1, plan.steps - 1))
            steps.append((time.monotonic() - began) / timed)
            stage.eval()
            began = time.monotonic()
            self._predict(stage, sample)
            images.append((time.monotonic() - began) / len(sample))
        tests = len(self.data.splits.get("test", ()))
        start = min(
            len(self.train_split),
            int(self.counts.clamp(max=self.config.classifier.init_images_per_class).sum()),
        )
        return Pace(
            step=(steps[0], steps[1]),
            image=(images[0], images[1]),
            train_images=len(self.train_split),
            val_images=len(self.data.splits.get("val", ())),
            fixed=(tests + start) * images[0] + tests * images[1],
        )

    def fit_budget(self, seconds: float | None) -> None:
        """Measure, say how long the run takes, and cut it to a budget where one is given."""
        pace = self.measure_pace()
        if seconds is not None:
            self.config, cuts = fit_budget(self.config, pace, seconds)
            if cuts:
                self.reporter.message(f"budget    {human_time(seconds)}: " + "; ".join(cuts))
        self.reporter.message(
            f"estimate  {human_time(run_seconds(self.config, pace))} on this machine "
            f"({self.config.phase1.epochs} + {self.config.phase2.epochs} epochs)"
        )

    # --- the run ----------------------------------------------------------------------------------

    def run(self) -> tuple[Task, Result]:
        """Train from wherever the run folder stands, evaluate, write the prompt file."""
        checkpoint = self.folder.checkpoint()
        if checkpoint is None:
            self._start_classifier()
            checkpoint = Checkpoint(Position(), learned_state(self.model))
            self.folder.save(checkpoint)
        load_learned(self.model, checkpoint.learned, self.folder.last_file)
        for index, name in enumerate(PHASES):
            if index < checkpoint.position.stage:
                continue
            checkpoint = self._run_stage(index, name, checkpoint)
        return self._finish(checkpoint)

    def _run_stage(self, index: int, name: str, checkpoint: Checkpoint) -> Checkpoint:
        stage = self._stage(name)
        plan = plan_of(stage, self.config, self.train_split.labels)
        if checkpoint.position.epoch < plan.epochs:
            loop = Loop(
                self.accelerator,
                self._image_source,
                self.folder,
                lambda: learned_state(self.model),
                self._validate if self._validation() is not None else None,
                self.reporter,
                self.config.checkpoint_seconds,
            )
            optim = getattr(self.config, name).optim
            checkpoint = fit(loop, stage, plan, optim, checkpoint)
        if self.config.selection == "best" and checkpoint.best is not None:
            load_learned(self.model, self.folder.load_best(name), self.folder.best_file(name))
        self.folder.save_best(f"{name}-selected", learned_state(self.model))
        following = Checkpoint(
            Position(index + 1), learned_state(self.model), seconds=checkpoint.seconds
        )
        self.folder.save(following)
        return following

    def _finish(self, checkpoint: Checkpoint) -> tuple[Task, Result]:
        final = 2 if self.config.phase2.epochs else 1
        metrics: dict[str, dict[str, dict[str, float | None]]] = {}
        temperature = TaskSpec.model_fields["temperature"].default
        full: Metrics | None = None
        for number, name in enumerate(PHASES[:final], start=1):
            selected = self.folder.load_best(f"{name}-selected")
            load_learned(self.model, selected, self.folder.path)
            self.model.phases = number
            metrics[name] = {}
            for data in ("val", "test"):
                split = self.data.splits.get(data)
                if split is None or not len(split):
                    continue
                self.reporter.begin(f"{name} on {data}", len(split), unit="images")
                found = self._predict(self.model, split)
                self.reporter.end()
                full = evaluate(found, self.counts.numpy(), self.groups, self.data.class_names)
                metrics[name][data] = full.summary()
                if data == "val":
                    temperature = fit_temperature(found.logits, found.labels)
        spec = self._task_spec(final, temperature, metrics)
        size = save_task(self.folder.task_file, self.model, spec)
        result = Result(
            metrics, size, self.prompt_parameters, self.classifier_parameters, checkpoint.seconds
        )
        write_json(self.folder.path / "results.json", asdict(result))
        return Task(self.model, spec), result

    # --- parts ------------------------------------------------------------------------------------

    def _stage(self, name: str) -> Stage:
        return build_stage(name, self.config, self.model, self.counts).to(self.accelerator.device)

    def _transform(self, train: bool) -> Transform:
        spec, augment = self.backbone.spec, self.config.augment
        if train:
            return train_transform(
                spec.image_size,
                spec.mean,
                spec.std,
                scale=augment.crop_scale,
                flip=augment.flip,
                interpolation=spec.interpolation,
            )
        return eval_transform(
            spec.image_size,
            spec.mean,
            spec.std,
            resize=self._resize(),
            rule=augment.resize_rule,
            interpolation=spec.interpolation,
        )

    def _resize(self) -> int:
        return round(self.backbone.spec.image_size * self.config.augment.resize_ratio)

    def _image_source(
        self, steps: Iterator[list[Draw]], workers: int | None = None
    ) -> Iterator[tuple[Inputs, Tensor]]:
        loader = make_loader(
            ImageDataset(self.train_split, self._transform(train=True)),
            steps,
            workers=self.workers if workers is None else workers,
            start_method=self.config.data.start_method,
            pin_memory=self.accelerator.device.type == "cuda",
        )
        for batch in loader:
            yield {"images": batch.images}, batch.labels

    def _predict(self, model: Any, split: Split) -> Predictions:
        loader = make_loader(
            ImageDataset(split, self._transform(train=False)),
            EvalBatches(len(split), EVAL_BATCH),
            workers=self.workers,
            start_method=self.config.data.start_method,
        )
        return predict(
            model.predict,
            loader,
            device=self.accelerator.device,
            autocast=self.accelerator.autocast,
            on_batch=self.reporter.advance if isinstance(model, LongTailedPromptModel) else _quiet,
        )

    def _validation(self) -> Split | None:
        """Validation images of an epoch: all, or a fixed draw of `data.max_val_images`."""
        split = self.data.splits.get("val")
        if split is None or not len(split):
            return None
        most = self.config.data.max_val_images
        if len(split) <= most:
            return split
        return split.take(
            np.sort(random_stream(self.config.seed, 3).permutation(len(split))[:most])
        )

    def _validate(self, stage: Stage) -> Mapping[str, float | None]:
        split = self._validation()
        assert split is not None
        found = self._predict(stage, split)
        return evaluate(found, self.counts.numpy(), self.groups).summary()

    def _evaluation_sample(self) -> Split:
        return self.train_split.take(np.arange(min(EVAL_BATCH, len(self.train_split))))

    def _start_classifier(self) -> None:
        """Point the classifier at class means of the untrained model's features, if asked to."""
        if self.config.classifier.init != "class-means":
            return
        chosen = _first_of_each_class(
            self.train_split.labels, self.config.classifier.init_images_per_class, self.config.seed
        )
        split = self.train_split.take(chosen)
        loader = make_loader(
            ImageDataset(split, self._transform(train=False)),
            EvalBatches(len(split), EVAL_BATCH),
            workers=self.workers,
            start_method=self.config.data.start_method,
        )
        self.reporter.begin("classifier start", len(split), unit="images")
        features = []
        with torch.inference_mode():
            for batch in loader:
                with self.accelerator.autocast():
                    images = batch.images.to(self.accelerator.device)
                    features.append(self.model.phase1(images).query.float())
                self.reporter.advance(len(batch.labels))
        self.reporter.end()
        labels = torch.from_numpy(split.labels).to(self.accelerator.device)
        means = class_means(torch.cat(features), labels, self.data.num_classes)
        self.model.classifier.start_from(means)

    def _task_spec(self, phases: int, temperature: float, metrics: Any) -> TaskSpec:
        spec = self.backbone.spec
        shape = self.model.shape
        return TaskSpec(
            name=self.folder.path.name,
            class_names=tuple(self.data.class_names),
            class_counts=tuple(self.counts.tolist()),
            backbone=BackboneRecord(
                name=spec.name,
                sha256=spec.sha256,
                layer_norm_eps=spec.layer_norm_eps,
                image_size=spec.image_size,
                mean=spec.mean,
                std=spec.std,
                interpolation=spec.interpolation,
            ),
            shared_blocks=self.model.split,
            prompt_length=shape.length,
            pool_size=shape.pool_size,
            top_k=shape.top,
            phases=2 if phases == 2 else 1,
            resize_rule=self.config.augment.resize_rule,
            resize=self._resize(),
            many_above=self.groups.many_above,
            few_below=self.groups.few_below,
            temperature=temperature,
            metrics=metrics,
        )

    def _classes_without_test(self) -> int:
        test = self.data.splits.get("test")
        if test is None:
            return 0
        return self.data.num_classes - len(np.unique(test.labels))


def _first_of_each_class(labels: np.ndarray, most: int, seed: int) -> np.ndarray:
    """At most `most` images of each class, drawn at random: sorted indices."""
    order = random_stream(seed, 4).permutation(len(labels))
    by_class = order[np.argsort(labels[order], kind="stable")]
    sorted_labels = labels[by_class]
    rank = np.arange(len(labels)) - np.searchsorted(sorted_labels, sorted_labels, side="left")
    return np.sort(by_class[rank < most])


def _quiet(_: int) -> None:
    return None
