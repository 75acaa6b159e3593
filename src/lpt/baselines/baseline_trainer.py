"""Train one baseline in one training context: everything that baselines share."""

import math
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from lpt.baselines.encoder import Encoder, EncoderStage
from lpt.baselines.stage_checkpoint import StageCheckpoint
from lpt.config import OptimConfig
from lpt.config.baseline_settings import BaselineSettings
from lpt.config.section import Section
from lpt.config.sections import GroupPhaseConfig
from lpt.losses import build_loss
from lpt.machine.own_generator import OwnGenerator
from lpt.model.classifier import CosineClassifier
from lpt.training.engine.checkpoint import put_back
from lpt.training.engine.loop import Loop, Source, fit
from lpt.training.engine.sampling_plan import EpochPlan
from lpt.training.engine.stage import Branch, Stage, branches_of
from lpt.training.engine.view_cache import NoRoomError, build_cache
from lpt.training.phases.class_means import interpolate_with_class_means, means_of
from lpt.training.run.memory_check import check_step_memory
from lpt.training.run.training_context import TrainingContext

__all__ = ["BaselineTrainer", "Usage"]

_CACHE = GroupPhaseConfig()


@dataclass
class Usage:
    """What the stages of a baseline have trained and used so far.

    Attributes:
        trainable: every parameter that was trained in any stage, by its id.
        seconds: of training in earlier processes, as checkpoints record them.
        peak_memory: peak memory of these processes in bytes.
    """

    trainable: dict[int, nn.Parameter] = field(default_factory=dict)
    seconds: float = 0.0
    peak_memory: int = 0


class BaselineTrainer:
    """Builds and trains the stages of a baseline.

    Args:
        name: of the baseline; names its stages.
        context: data, backbone and device.
        settings: with a learning rate and a batch size.
        options: of the baseline, checked.
        folder: for checkpoints; None saves none.

    Attributes:
        usage: what all calls of `fit` have trained and used.
        draws: the random numbers of initialisation, in which `train_baseline` calls the method.
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
        self.usage = Usage()
        self.draws = OwnGenerator(context.config.seed)

    def with_context(self, context: TrainingContext) -> "BaselineTrainer":
        """The same trainer in another context; both share their usage and their random numbers."""
        other = BaselineTrainer(self.name, context, self.settings, self.options, self.folder)
        other.usage, other.draws = self.usage, self.draws
        return other

    @property
    def dropout(self) -> float:
        """That of the settings, or else of the run's classifier."""
        own = self.settings.dropout
        return self.context.config.classifier.dropout if own is None else own

    def classifier(self, kind: type[CosineClassifier] = CosineClassifier) -> CosineClassifier:
        """Make a classifier for the classes of the context."""
        context = self.context
        return kind(context.data.num_classes, context.backbone.feature_width, dropout=self.dropout)

    def init_classifier(
        self, classifier: CosineClassifier, encode: Callable[[Tensor], Tensor]
    ) -> None:
        """Initialise a classifier with class means of features, if the settings ask for it.

        Args:
            encode: images (B, 3, H, H) to features (B, D).
        """
        if self.settings.init == "class-means":
            classifier.start_at(means_of(self.context, encode, f"{self.name}: classifier start"))

    def branches(self, sampler: str | None = None, loss: str | None = None) -> list[Branch]:
        """The mini-batches of a step.

        Args:
            sampler, loss: in place of those of the settings; another loss has default options.
        """
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
        """Build the stage of an encoder and an initialised classifier, on the context's device.

        Args:
            classifier: None for `self.classifier()`.
            branches: None for `self.branches()`.
        """
        stage = EncoderStage(
            self.name,
            encoder,
            classifier or self.classifier(),
            branches or self.branches(),
            self.context.config.augment.mixup,
        )
        stage.to(self.context.accelerator.device).eval()
        self.init_classifier(stage.classifier, encoder)
        return stage

    def fit(
        self,
        stage: Stage,
        *,
        number: int = 0,
        epochs: int | None = None,
        cached_views: int = 0,
        optim: OptimConfig | None = None,
        mean_weight: float | None = None,
    ) -> None:
        """Train a stage to its last epoch, then interpolate its classifier with class means.

        Training resumes from the stage's checkpoint if the trainer's folder has one.

        Args:
            number: of the stage within the baseline; stages sample images in different orders.
            epochs, optim, mean_weight: in place of those of the settings.
            cached_views: V fixed views per image, whose frozen half is computed once; 0 for none.
        Raises: as `lpt.training.engine.loop.fit`; RunError for a checkpoint that does not fit.
        """
        context, settings = self.context, self.settings
        plan = EpochPlan.of(
            stage.branches,
            labels=context.train_split.labels,
            batch=settings.batch_size,
            epochs=settings.epochs if epochs is None else epochs,
            seed=context.config.seed,
            stage=number,
            views=cached_views,
        )
        check_step_memory(
            context,
            batch=settings.batch_size,
            branches=len(stage.branches),
            prompts=0,
            setting=f"baseline {self.name}: batch_size",
        )
        self.mark_trained(p for parameters in stage.param_groups().values() for p in parameters)
        store = StageCheckpoint(self.folder, number)
        checkpoint = store.load()
        if checkpoint is not None:
            put_back(stage.changing(), checkpoint.trainable, f"{store.path}")
            self.usage.seconds += sum(checkpoint.seconds.values())
            self.usage.peak_memory = max(self.usage.peak_memory, checkpoint.peak_memory)
        if checkpoint is None or checkpoint.position.epoch < plan.epochs:
            with self.draws.paused(), self._source(stage, plan) as source:
                loop = Loop(
                    accelerator=context.accelerator,
                    source=source,
                    store=store,
                    trainable=stage.changing,
                    validate=lambda _: None,
                    reporter=context.reporter,
                    checkpoint_seconds=(
                        math.inf if self.folder is None else context.config.checkpoint_seconds
                    ),
                    workers=context.workers,
                    micro_batch=context.config.micro_batch,
                )
                fit(loop, stage, plan, optim or self._optim(), checkpoint)
        # Whatever follows draws the same numbers after a training and after a finished checkpoint.
        self.draws.seed(context.config.seed)
        stage.eval()
        weight = settings.mean_weight if mean_weight is None else mean_weight
        interpolate_with_class_means(stage, context, weight or 0.0)

    def tune(self, encoder: Encoder) -> EncoderStage:
        """Train an encoder and its classifier together, as most baselines do."""
        stage = self.stage(encoder)
        self.fit(stage)
        return stage

    def mark_trained(self, parameters: Iterable[nn.Parameter]) -> None:
        """Count these parameters as trained."""
        self.usage.trainable |= {id(parameter): parameter for parameter in parameters}

    def trained_parameters(self, stage: Stage) -> int:
        """Number of a stage's parameters that any `fit` trained."""
        return sum(p.numel() for p in stage.parameters() if id(p) in self.usage.trainable)

    def _optim(self) -> OptimConfig:
        settings = self.settings
        assert settings.lr is not None
        return OptimConfig(
            lr=settings.lr,
            classifier_lr=settings.classifier_lr,
            weight_decay=settings.weight_decay or 0.0,
            noise=settings.noise,
            average=settings.average,
        )

    @contextmanager
    def _source(self, stage: Stage, plan: EpochPlan) -> Iterator[Source]:
        """Freshly augmented images, or features of fixed views in a temporary folder."""
        context = self.context
        if not plan.views or not plan.epochs:
            yield context.image_source
            return
        stage.mixup = 0.0  # cached features of two images cannot be blended
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
            except NoRoomError as error:
                context.reporter.message(
                    f"cache     {error}; views are computed at each step instead"
                )
                source = context.image_source
            yield source
