"""Multi-task fine-tuning: one backbone, fully tuned on several data sets, a classifier each.

Source: the baseline of LPT (Dong et al., ICLR 2023), table 21, which gives no details. Here the
images of all data sets are shuffled together and weighted equally, and each image is classified
among the classes of its own data set only.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
import torch

from lpt.baselines.baseline import COMMON_READS, Baseline
from lpt.baselines.baseline_trainer import BaselineTrainer
from lpt.baselines.encoder import Encoder, EncoderStage
from lpt.baselines.methods.full import DEFAULTS, fully_tuned
from lpt.config.section import Section
from lpt.data.image_stores import ImageRef, ImageStore
from lpt.data.manifest import Manifest, Split
from lpt.errors import ConfigError
from lpt.losses import Loss, Terms, build_loss
from lpt.model.classifier import CosineClassifier
from lpt.records import Output
from lpt.training.engine.stage import Branch, Progress, Stage
from lpt.training.engine.step_batch import StepBatch
from lpt.training.run.training_context import TrainingContext

__all__ = ["BASELINE", "ConcatStore", "MultitaskStage", "joined_context", "train_jointly"]


class OtherOptions(Section):
    """Options of multi-task training.

    Attributes:
        other: the second data set, named as in `data.source`; all other data settings are shared.
    """

    other: str = ""


@dataclass(frozen=True)
class ConcatStore:
    """The images of several stores, concatenated."""

    stores: tuple[ImageStore, ...]

    @property
    def starts(self) -> list[int]:
        """Position of the first image of each store, then the total number of images."""
        return list(accumulate(map(len, self.stores), initial=0))

    def __len__(self) -> int:
        return self.starts[-1]

    def ref(self, position: int) -> ImageRef:
        """Name the image in its own store."""
        store, own = self._find(position)
        return store.ref(own)

    def read(self, position: int) -> bytes:
        """Read an image from its own store."""
        store, own = self._find(position)
        return store.read(own)

    def _find(self, position: int) -> tuple[ImageStore, int]:
        starts = self.starts
        index = bisect_right(starts, position) - 1
        return self.stores[index], position - starts[index]


class MultitaskStage(EncoderStage):
    """An encoder and a classifier for the classes of all data sets, concatenated.

    Args:
        set_losses: of each data set, for its own classes.
        sizes: number of classes of each data set.
    """

    def __init__(
        self,
        encoder: Encoder,
        classifier: CosineClassifier,
        branches: Sequence[Branch],
        set_losses: Sequence[Loss],
        sizes: Sequence[int],
    ) -> None:
        super().__init__("multitask", encoder, classifier, branches)
        self.set_losses, self.bounds = set_losses, list(pairwise(accumulate(sizes, initial=0)))

    def objective(
        self, branch: Branch, output: Output, step: StepBatch, rows: slice, progress: Progress
    ) -> Terms:
        """One term per data set: the summed loss of its images, over all images of the branch."""
        terms = {}
        labels, logits = step.labels[rows], output.logits[rows]
        noise = None if step.noise is None else step.noise[rows]
        for number, (loss, (first, end)) in enumerate(
            zip(self.set_losses, self.bounds, strict=True)
        ):
            own = (labels >= first) & (labels < end)
            own_noise = None if noise is None else noise[own, first:end]
            values = loss(
                logits[own, first:end],
                labels[own] - first,
                own_noise,
                feature=output.feature[rows][own],
                progress=progress,
            )
            terms[f"set {number + 1}"] = values.sum() / len(labels)
        return Terms(terms, dict.fromkeys(terms, branch.beta(progress)))

    def for_dataset(self, number: int) -> EncoderStage:
        """Return the shared encoder with the classifier of one data set."""
        first, end = self.bounds[number]
        weight = self.classifier.weight.detach()[first:end]
        classifier = CosineClassifier(len(weight), weight.shape[1]).to(weight.device)
        with torch.no_grad():
            classifier.weight.copy_(weight)
        return EncoderStage(self.name, self.encoder, classifier, self.branches)


def joined_context(contexts: Sequence[TrainingContext]) -> TrainingContext:
    """Return a context with the training images of all, and with their classes concatenated.

    Raises: ConfigError if the contexts have different backbones.
    """
    first = contexts[0]
    if any(c.backbone.spec != first.backbone.spec for c in contexts):
        raise ConfigError(
            "baseline multitask: the contexts have different backbones. Load all with the same one."
        )
    splits = [context.train_split for context in contexts]
    store = ConcatStore(tuple(split.store for split in splits))
    classes = list(accumulate((context.data.num_classes for context in contexts), initial=0))
    joined = Split(
        "train",
        store,
        np.concatenate(
            [s.positions + start for s, start in zip(splits, store.starts, strict=False)]
        ),
        np.concatenate([s.labels + start for s, start in zip(splits, classes, strict=False)]),
        splits[0].max_pixels,
    )
    names = tuple(f"{c.data.name}: {name}" for c in contexts for name in c.data.class_names)
    data = Manifest(" and ".join(c.data.name for c in contexts), names, {"train": joined})
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
    """Train in the trainer's context, which `joined_context` made of these.

    Returns: one stage per context, for its classes.
    """
    settings = trainer.settings
    plain = trainer.stage(fully_tuned(trainer.context.backbone))
    set_losses = [build_loss(settings.loss, c.counts, **settings.loss_options) for c in contexts]
    stage = MultitaskStage(
        plain.encoder,
        plain.classifier,
        plain.branches,
        [loss.to(trainer.context.accelerator.device) for loss in set_losses],
        [context.data.num_classes for context in contexts],
    )
    trainer.fit(stage)
    parts = [stage.for_dataset(number).eval() for number in range(len(contexts))]
    for part in parts:
        trainer.mark_trained([part.classifier.weight])
    return parts


def _train(trainer: BaselineTrainer) -> Stage:
    context = trainer.context
    if not trainer.options.other:
        raise ConfigError(
            "baseline multitask: needs a second data set. Name it with the option other=SOURCE, "
            "or call lpt.baselines.train_multitask with two contexts."
        )
    other = TrainingContext(
        context.config.changed({"data.source": trainer.options.other}),
        context.reporter,
        device=str(context.accelerator.device),
        backbone=context.backbone,
    )
    contexts = [context, other]
    return train_jointly(trainer.with_context(joined_context(contexts)), contexts)[0]


BASELINE = Baseline(_train, DEFAULTS, OtherOptions, reads=COMMON_READS, allows_mixup=False)
