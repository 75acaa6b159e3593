"""One rival on one bench: the parts of training that all rivals share."""

import math
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lpt.baselines.encoder import Encoder, EncoderStage
from lpt.baselines.settings import BaselineSettings
from lpt.baselines.stage_checkpoint import StageFile
from lpt.config import OptimConfig
from lpt.config.sections import GroupPhaseConfig, Section
from lpt.losses import build_loss
from lpt.model.classifier import CosineClassifier
from lpt.training.engine.checkpoint import put_back
from lpt.training.engine.loop import Loop, Source, fit
from lpt.training.engine.sampling_plan import EpochPlan
from lpt.training.engine.stage import Branch, Stage, branches_of
from lpt.training.engine.view_cache import NoRoomError, build_cache
from lpt.training.phases.class_means import interpolate_with_class_means, means_of
from lpt.training.run.training_context import TrainingContext

__all__ = ["Baseline", "BaselineTrainer", "NoOptions"]

_CACHE = GroupPhaseConfig()


class NoOptions(Section):
    """The rival has none of its own."""


@dataclass(frozen=True)
class Baseline:
    """An entry of the registry.

    Attributes:
        train: trains it; gives the stage that predicts.
        options: its own options with their ranges and defaults.
        defaults: settings of `BaselineSettings` that differ from the common ones; `lr` always.
        uses_cached_views: whether `cached_views` has a meaning: part of the
            computation is frozen during training.
        has_own_loss: whether it minimises a loss of its own, with the scale of
            `loss_options`.
        blends: whether Mixup has a meaning.
        stages: epochs of each stage that it trains, given those of the settings and its options.
    """

    train: Callable[["BaselineTrainer"], Stage]
    defaults: Mapping[str, Any]
    options: type[Section] = NoOptions
    uses_cached_views: bool = False
    has_own_loss: bool = False
    blends: bool = True
    stages: Callable[[int, Any], tuple[int, ...]] = lambda epochs, _: (epochs,)


@dataclass
class Account:
    """What the stages of a trial taught and took.

    Attributes:
        learned: every parameter that learned in any stage, by its id.
        seconds: of training before the process was killed, for what was found in checkpoints.
        peak_memory: bytes held at most in that time.
    """

    trainable: dict[int, nn.Parameter] = field(default_factory=dict)
    seconds: float = 0.0
    peak_memory: int = 0


class BaselineTrainer:
    """What the training of a rival needs; whatever `fit` has taught is remembered.

    Args:
        name: of the rival; names stages.
        settings: with a rate.
        options: the rival's own, checked.
        folder: where checkpoints are kept, and looked for; None keeps none.
    """

    def __init__(
        self,
        name: str,
        context: TrainingContext,
        settings: BaselineSettings,
        options: Section,
        folder: Path | None = None,
    ) -> None:
        self.name, self.context, self.settings = name, context, settings
        self.options: Any = options
        self.folder = folder
        self.account = Account()

    def on(self, context: TrainingContext) -> "BaselineTrainer":
        """The same trial on another bench; what either teaches is remembered by both."""
        other = BaselineTrainer(self.name, context, self.settings, self.options, self.folder)
        other.account = self.account
        return other

    @property
    def dropout(self) -> float:
        """The settings' own, else that of the bench's classifier."""
        own = self.settings.dropout
        return self.context.config.classifier.dropout if own is None else own

    def classifier(self, kind: type[CosineClassifier] = CosineClassifier) -> CosineClassifier:
        """A classifier of that kind for the bench's classes."""
        context = self.context
        return kind(context.data.num_classes, context.backbone.width, dropout=self.dropout)

    def start(self, classifier: CosineClassifier, encode: Callable[[Tensor], Tensor]) -> None:
        """Point a classifier at class means of these features, if the settings say so."""
        if self.settings.init == "class-means":
            classifier.start_at(means_of(self.context, encode, f"{self.name}: classifier start"))

    def branches(self, sampler: str | None = None, loss: str | None = None) -> list[Branch]:
        """The mini-batches of a step, as the settings say or with another order or loss."""
        options = self.settings.loss_options if loss is None else {}
        made = build_loss(loss or self.settings.loss, self.context.counts, **options)
        return branches_of(sampler or self.settings.sampler, made, made)

    def stage(
        self,
        encoder: Encoder,
        classifier: CosineClassifier | None = None,
        *,
        branches: list[Branch] | None = None,
    ) -> EncoderStage:
        """An encoder with a classifier that starts as the settings say, on the bench's device."""
        stage = EncoderStage(
            self.name,
            encoder,
            classifier or self.classifier(),
            branches or self.branches(),
            self.context.config.augment.mixup,
        )
        stage.to(self.context.accelerator.device).eval()
        self.start(stage.classifier, encoder)
        return stage

    def fit(
        self,
        stage: Stage,
        *,
        number: int = 0,
        epochs: int | None = None,
        views: int = 0,
        optim: OptimConfig | None = None,
        mean_weight: float | None = None,
    ) -> None:
        """Train a stage to its last epoch; then its classes lean towards their means.

        It goes on from its checkpoint if the trial's folder has one.

        Args:
            number: of the stage within the rival: another order of images each.
            epochs, optim, mean_weight: in place of the settings'.
            views: V fixed views an image, whose frozen half is computed once.
        """
        context, settings = self.context, self.settings
        assert settings.lr is not None
        plan = EpochPlan.of(
            stage.branches,
            labels=context.train_split.labels,
            batch=settings.batch_size,
            epochs=settings.epochs if epochs is None else epochs,
            seed=context.config.seed,
            stage=number,
            views=views,
        )
        self.mark_trainable(p for parameters in stage.param_groups().values() for p in parameters)
        kept = StageFile(self.folder, number)
        checkpoint = kept.checkpoint()
        if checkpoint is not None:
            put_back(stage.changing(), checkpoint.trainable, f"{kept.path}")
            self.account.seconds += sum(checkpoint.seconds.values())
            self.account.peak_memory = max(self.account.peak_memory, checkpoint.peak_memory)
        if checkpoint is None or checkpoint.position.epoch < plan.epochs:
            with self._source(stage, plan) as source:
                loop = Loop(
                    context.accelerator,
                    source,
                    kept,
                    stage.changing,
                    lambda _: None,
                    context.reporter,
                    math.inf if self.folder is None else context.config.checkpoint_seconds,
                    context.workers,
                    context.config.micro_batch,
                )
                optim = optim or OptimConfig(
                    lr=settings.lr,
                    classifier_lr=settings.classifier_lr,
                    weight_decay=settings.weight_decay,
                )
                fit(loop, stage, plan, optim, checkpoint)
        torch.manual_seed(context.config.seed)  # what follows starts alike, trained here or found
        stage.eval()
        interpolate_with_class_means(
            stage, context, settings.mean_weight if mean_weight is None else mean_weight
        )

    def tune(self, encoder: Encoder) -> EncoderStage:
        """Train an encoder and its classifier together: all that most rivals do."""
        stage = self.stage(encoder)
        self.fit(stage)
        return stage

    def mark_trainable(self, parameters: Iterable[nn.Parameter]) -> None:
        """Count these among what learned."""
        self.account.trainable |= {id(parameter): parameter for parameter in parameters}

    def parameters(self, stage: Stage) -> int:
        """Numbers of a stage that learned in any `fit`."""
        return sum(p.numel() for p in stage.parameters() if id(p) in self.account.trainable)

    @contextmanager
    def _source(self, stage: Stage, plan: EpochPlan) -> Iterator[Source]:
        """Images augmented afresh, or features of fixed views in a folder that does not stay."""
        context = self.context
        if not plan.views or not plan.epochs:
            yield context.image_source
            return
        stage.mixup = 0.0  # what is kept of an image cannot be blended with another
        with tempfile.TemporaryDirectory() as folder:
            try:
                source: Source = build_cache(
                    Path(folder),
                    stage,
                    plan,
                    context.image_source,
                    {},
                    context.reporter,
                    dtype=_CACHE.cache_dtype,
                    limit_gb=_CACHE.cache_limit_gb,
                    device=context.accelerator.device,
                    autocast=context.autocast,
                )
            except NoRoomError as full:
                context.reporter.message(
                    f"cache     {full}; views are computed when they are drawn"
                )
                source = context.image_source
            yield source
