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

from lpt.baselines.baseline_config import RivalSettings
from lpt.baselines.encoder import Encoder, EncoderStage
from lpt.baselines.stage_checkpoint import StageFile
from lpt.config import OptimConfig
from lpt.config.sections import Section
from lpt.losses import build_loss
from lpt.model.classifier import CosineClassifier
from lpt.training.engine.checkpoint import put_back
from lpt.training.engine.loop import Loop, Source, fit
from lpt.training.engine.sampling_plan import EpochPlan
from lpt.training.engine.stage import Branch, Stage, branches_of
from lpt.training.engine.view_cache import NoRoomError, build_cache
from lpt.training.phases.class_means import lean_on_means, means_of
from lpt.training.run.context import Workbench

__all__ = ["NoOptions", "Rival", "Trial"]


class NoOptions(Section):
    """The rival has none of its own."""


@dataclass(frozen=True)
class Rival:
    """An entry of the registry.

    Attributes:
        train: trains it; gives the stage that predicts.
        options: its own options with their ranges and defaults.
        defaults: settings of `RivalSettings` that differ from the common ones; `rate` always.
        has_views: whether `views` has a meaning: something is fixed while something learns.
        own_loss: whether it minimises a loss of its own, of which `loss_options` gives the scale.
        blends: whether Mixup has a meaning.
        stages: epochs of each stage that it trains, given those of the settings and its options.
    """

    train: Callable[["Trial"], Stage]
    defaults: Mapping[str, Any]
    options: type[Section] = NoOptions
    has_views: bool = False
    own_loss: bool = False
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

    learned: dict[int, nn.Parameter] = field(default_factory=dict)
    seconds: float = 0.0
    peak_memory: int = 0


class Trial:
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
        bench: Workbench,
        settings: RivalSettings,
        options: Section,
        folder: Path | None = None,
    ) -> None:
        self.name, self.bench, self.settings = name, bench, settings
        self.options: Any = options
        self.folder = folder
        self.account = Account()

    def on(self, bench: Workbench) -> "Trial":
        """The same trial on another bench; what either teaches is remembered by both."""
        other = Trial(self.name, bench, self.settings, self.options, self.folder)
        other.account = self.account
        return other

    @property
    def dropout(self) -> float:
        """The settings' own, else that of the bench's classifier."""
        own = self.settings.dropout
        return self.bench.config.classifier.dropout if own is None else own

    def classifier(self, kind: type[CosineClassifier] = CosineClassifier) -> CosineClassifier:
        """A classifier of that kind for the bench's classes."""
        bench = self.bench
        return kind(bench.data.num_classes, bench.backbone.width, dropout=self.dropout)

    def start(self, classifier: CosineClassifier, encode: Callable[[Tensor], Tensor]) -> None:
        """Point a classifier at class means of these features, if the settings say so."""
        if self.settings.init == "class-means":
            classifier.start_from(means_of(self.bench, encode, f"{self.name}: classifier start"))

    def branches(self, sampler: str | None = None, loss: str | None = None) -> list[Branch]:
        """The mini-batches of a step, as the settings say or with another order or loss."""
        options = self.settings.loss_options if loss is None else {}
        made = build_loss(loss or self.settings.loss, self.bench.counts, **options)
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
            self.bench.config.augment.mixup,
        )
        stage.to(self.bench.accelerator.device).eval()
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
        mean_share: float | None = None,
    ) -> None:
        """Train a stage to its last epoch; then its classes lean towards their means.

        It goes on from its checkpoint if the trial's folder has one.

        Args:
            number: of the stage within the rival: another order of images each.
            epochs, optim, mean_share: in place of the settings'.
            views: V fixed views an image, whose frozen half is computed once.
        """
        bench, settings = self.bench, self.settings
        assert settings.rate is not None
        plan = EpochPlan.of(
            stage.branches,
            labels=bench.train_split.labels,
            batch=settings.batch,
            epochs=settings.epochs if epochs is None else epochs,
            seed=bench.config.seed,
            stage=number,
            views=views,
        )
        self.mark_learned(p for parameters in stage.groups().values() for p in parameters)
        kept = StageFile(self.folder, number)
        checkpoint = kept.checkpoint()
        if checkpoint is not None:
            put_back(stage.changing(), checkpoint.learned, f"{kept.path}")
            self.account.seconds += sum(checkpoint.seconds.values())
            self.account.peak_memory = max(self.account.peak_memory, checkpoint.peak_memory)
        if checkpoint is None or checkpoint.position.epoch < plan.epochs:
            with self._source(stage, plan) as source:
                loop = Loop(
                    bench.accelerator,
                    source,
                    kept,
                    stage.changing,
                    lambda _: None,
                    bench.reporter,
                    math.inf if self.folder is None else bench.config.checkpoint_seconds,
                    bench.workers,
                    bench.config.micro_batch,
                )
                optim = optim or OptimConfig(
                    rate=settings.rate,
                    classifier_rate=settings.classifier_rate,
                    weight_decay=settings.weight_decay,
                )
                fit(loop, stage, plan, optim, checkpoint)
        torch.manual_seed(bench.config.seed)  # what follows starts alike, trained here or found
        stage.eval()
        lean_on_means(stage, bench, settings.mean_share if mean_share is None else mean_share)

    def tune(self, encoder: Encoder) -> EncoderStage:
        """Train an encoder and its classifier together: all that most rivals do."""
        stage = self.stage(encoder)
        self.fit(stage)
        return stage

    def mark_learned(self, parameters: Iterable[nn.Parameter]) -> None:
        """Count these among what learned."""
        self.account.learned |= {id(parameter): parameter for parameter in parameters}

    def parameters(self, stage: Stage) -> int:
        """Numbers of a stage that learned in any `fit`."""
        return sum(p.numel() for p in stage.parameters() if id(p) in self.account.learned)

    @contextmanager
    def _source(self, stage: Stage, plan: EpochPlan) -> Iterator[Source]:
        """Images augmented afresh, or features of fixed views in a folder that does not stay."""
        bench = self.bench
        if not plan.views or not plan.epochs:
            yield bench.image_source
            return
        stage.mixup = 0.0  # what is kept of an image cannot be blended with another
        with tempfile.TemporaryDirectory() as folder:
            try:
                source: Source = build_cache(
                    Path(folder),
                    stage,
                    plan,
                    bench.image_source,
                    {},
                    bench.reporter,
                    device=bench.accelerator.device,
                    autocast=bench.autocast,
                )
            except NoRoomError as full:
                bench.reporter.message(f"cache     {full}; views are computed when they are drawn")
                source = bench.image_source
            yield source
