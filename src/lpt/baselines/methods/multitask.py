"""Multi-task fine-tuning: one backbone tuned fully on several data sets, a classifier each.

Source: the rival of LPT (Dong et al., ICLR 2023), table 21, which gives no details. Here images of
all sets are shuffled together, an image counts alike whatever set it is of, and each is told apart
among the classes of its own set only.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
import torch

from lpt.baselines.baseline_trainer import Baseline, BaselineTrainer
from lpt.baselines.encoder import Encoder, EncoderStage
from lpt.baselines.methods.full import DEFAULTS, fully_tuned
from lpt.config.sections import Section
from lpt.data.image_stores import ImageRef, ImageStore
from lpt.data.manifest import Manifest, Split
from lpt.errors import ConfigError
from lpt.losses import Loss, Terms, build_loss
from lpt.model.classifier import CosineClassifier
from lpt.records import Output
from lpt.training.engine.stage import Branch, Progress, Stage
from lpt.training.engine.step_batch import StepBatch
from lpt.training.run.training_context import TrainingContext

__all__ = ["BASELINE", "JoinedStore", "SetsStage", "join", "train_jointly"]


class OtherOptions(Section):
    """The second data set, as `data.source` names one; the other settings of data are the same."""

    other: str = ""


@dataclass(frozen=True)
class JoinedStore:
    """The images of several stores, one store after the other."""

    stores: tuple[ImageStore, ...]

    @property
    def starts(self) -> list[int]:
        """Position of the first image of each store, and the number of all images."""
        return list(accumulate(map(len, self.stores), initial=0))

    def __len__(self) -> int:
        return self.starts[-1]

    def ref(self, position: int) -> ImageRef:
        """Where the image is in its own store."""
        store, own = self._find(position)
        return store.ref(own)

    def read(self, position: int) -> bytes:
        """The bytes that its own store reads."""
        store, own = self._find(position)
        return store.read(own)

    def _find(self, position: int) -> tuple[ImageStore, int]:
        starts = self.starts
        index = bisect_right(starts, position) - 1
        return self.stores[index], position - starts[index]


class SetsStage(EncoderStage):
    """One encoder; one classifier, whose classes are those of all sets one after the other.

    Args:
        own_losses: of each set, for its own classes.
        sizes: number of classes of each set.
    """

    def __init__(
        self,
        encoder: Encoder,
        classifier: CosineClassifier,
        branches: Sequence[Branch],
        own_losses: Sequence[Loss],
        sizes: Sequence[int],
    ) -> None:
        super().__init__("multitask", encoder, classifier, branches)
        self.own_losses, self.bounds = own_losses, list(pairwise(accumulate(sizes, initial=0)))

    def objective(
        self, branch: Branch, output: Output, step: StepBatch, rows: slice, progress: Progress
    ) -> Terms:
        """A term a set: the loss of its images among its classes, over all images of the branch."""
        terms = {}
        labels, logits = step.labels[rows], output.logits[rows]
        noise = None if step.noise is None else step.noise[rows]
        for number, (loss, (first, end)) in enumerate(
            zip(self.own_losses, self.bounds, strict=True)
        ):
            own = (labels >= first) & (labels < end)
            drawn = None if noise is None else noise[own, first:end]
            values = loss(
                logits[own, first:end],
                labels[own] - first,
                drawn,
                feature=output.feature[rows][own],
                progress=progress,
            )
            terms[f"set {number + 1}"] = values.sum() / len(labels)
        return Terms(terms, dict.fromkeys(terms, branch.beta(progress)))

    def of_set(self, number: int) -> EncoderStage:
        """The shared encoder with the classifier of one set."""
        first, end = self.bounds[number]
        weight = self.classifier.weight.detach()[first:end]
        classifier = CosineClassifier(len(weight), weight.shape[1]).to(weight.device)
        with torch.no_grad():
            classifier.weight.copy_(weight)
        return EncoderStage(self.name, self.encoder, classifier, self.branches)


def join(contexts: Sequence[TrainingContext]) -> TrainingContext:
    """A bench of the training images of all, whose labels follow one another.

    Raises: ConfigError if the benches have different backbones.
    """
    first = contexts[0]
    if any(b.backbone.spec != first.backbone.spec for b in contexts):
        raise ConfigError("multitask: the benches have different backbones. Give all the same.")
    splits = [context.train_split for context in contexts]
    store = JoinedStore(tuple(split.store for split in splits))
    classes = list(accumulate((context.data.num_classes for context in contexts), initial=0))
    joined = Split(
        "train",
        store,
        np.concatenate(
            [s.positions + start for s, start in zip(splits, store.starts, strict=False)]
        ),
        np.concatenate([s.labels + start for s, start in zip(splits, classes, strict=False)]),
    )
    names = tuple(f"{b.data.name}: {name}" for b in contexts for name in b.data.class_names)
    data = Manifest(" and ".join(b.data.name for b in contexts), names, {"train": joined})
    return TrainingContext(
        first.config,
        first.reporter,
        device=str(first.accelerator.device),
        backbone=first.backbone,
        data=data,
    )


def train_jointly(
    trainer: BaselineTrainer, contexts: Sequence[TrainingContext]
) -> list[EncoderStage]:
    """Train on a trial's bench, which `join` made of these; a stage a set."""
    settings = trainer.settings
    plain = trainer.stage(fully_tuned(trainer.context.backbone))
    own_losses = [build_loss(settings.loss, b.counts, **settings.loss_options) for b in contexts]
    stage = SetsStage(
        plain.encoder,
        plain.classifier,
        plain.branches,
        [loss.to(trainer.context.accelerator.device) for loss in own_losses],
        [context.data.num_classes for context in contexts],
    )
    trainer.fit(stage)
    parts = [stage.of_set(number).eval() for number in range(len(contexts))]
    for part in parts:
        trainer.mark_trainable([part.classifier.weight])
    return parts


def _train(trainer: BaselineTrainer) -> Stage:
    context = trainer.context
    if not trainer.options.other:
        raise ConfigError(
            "multitask: needs a second data set. Name it: options other=SOURCE, or train two "
            "benches with lpt.baselines.train_multitask."
        )
    other = TrainingContext(
        context.config.changed({"data.source": trainer.options.other}),
        context.reporter,
        device=str(context.accelerator.device),
        backbone=context.backbone,
    )
    contexts = [context, other]
    return train_jointly(trainer.on(join(contexts)), contexts)[0]


BASELINE = Baseline(_train, DEFAULTS, OtherOptions, blends=False)
