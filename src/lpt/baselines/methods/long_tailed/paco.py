"""PaCo: supervised contrastive learning with a queue and parametric class centres.

Source: parametric contrastive learning, Cui, Zhong, Liu, Yu and Jia, ICCV 2021, section 3.
An anchor is contrasted with the other features of the step, the features in a queue, and the
centres of all classes. Positives are the features of its own class, with weight alpha, and the
centre of its class, with weight 1; the logits of centres are shifted by the log of the class
priors. Departures: full fine-tuning of a pretrained ViT with a momentum encoder; cosine centres at
the scale of the loss; the queue starts empty, not with random features, and is shorter, since data
sets are smaller here; both views are the recipe's crops, without the source's stronger augmentation
(RandAugment, colour jitter, blur).
"""

import copy
from collections.abc import Sequence
from typing import Annotated

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from pydantic import Field
from torch import Tensor, nn

from lpt.baselines.baseline import COMMON_READS, Baseline
from lpt.baselines.baseline_trainer import BaselineTrainer
from lpt.baselines.encoder import Encoder, EncoderStage
from lpt.baselines.methods.full import DEFAULTS, fully_tuned
from lpt.config.ranges import Factor, Share, Width
from lpt.config.section import Section
from lpt.errors import ConfigError
from lpt.losses import Terms
from lpt.model.classifier import CosineClassifier
from lpt.training.engine.stage import Branch, Progress, Stage
from lpt.training.engine.step_batch import StepBatch

__all__ = ["BASELINE", "PacoOptions", "PacoStage", "paco_loss"]


class PacoOptions(Section):
    """Options of PaCo.

    Attributes:
        alpha: weight of a positive feature; that of the class centre is 1.
        temperature: divides similarities of features.
        contrast_width: dimensions of the projected features.
        queue: number of features in the queue.
        momentum: of the momentum encoder.
    """

    alpha: Factor = 0.05
    temperature: Annotated[float, Field(ge=1e-3, le=1e3)] = 0.2
    contrast_width: Width = 128
    queue: Annotated[int, Field(ge=1, le=65_536)] = 1024
    momentum: Share = 0.999


def paco_loss(
    centres: Float[Tensor, "B C"],
    similarity: Float[Tensor, "B F"],
    labels: Int[Tensor, " B"],
    others: Int[Tensor, " F"],
    present: Bool[Tensor, "B F"],
    alpha: float,
) -> Float[Tensor, " B"]:
    """Weighted mean of -log p over the positives of each anchor: (B,) values.

    Args:
        centres: logits of the class centres, shifted by the log of the class priors.
        similarity: logits of anchors and other features.
        labels: of the anchors.
        others: labels of the other features.
        present: features that an anchor is contrasted with; not itself, nor empty queue entries.
        alpha: weight of a positive feature.
    Source: Cui et al., ICCV 2021, section 3.
    """
    logits = torch.cat([centres, similarity.masked_fill(~present, -torch.inf)], dim=1)
    log_p = logits.log_softmax(dim=1)
    own_centre = log_p.gather(1, labels[:, None]).squeeze(1)
    positive = present & (others == labels[:, None])
    of_positives = log_p[:, centres.shape[1] :].masked_fill(~positive, 0.0).sum(1)
    return -(own_centre + alpha * of_positives) / (1 + alpha * positive.sum(1))


class PacoStage(EncoderStage):
    """Full fine-tuning with PaCo's loss; two branches of one sampler are the two views of a step.

    Args:
        prior: share of each class in the training images.

    Attributes:
        momentum_encoder: moving average of encoder and projection, which encodes second views.
        queue, queue_labels: (Q, d) features of earlier second views, and their labels; -1 for an
            empty entry.
    """

    queue: Tensor
    queue_labels: Tensor
    prior: Tensor

    def __init__(
        self,
        encoder: Encoder,
        classifier: CosineClassifier,
        branches: Sequence[Branch],
        prior: Float[Tensor, " C"],
        options: PacoOptions,
    ) -> None:
        super().__init__("paco", encoder, classifier, branches)
        width = classifier.weight.shape[1]
        self.options = options
        self.projection = nn.Sequential(
            nn.Linear(width, width), nn.ReLU(), nn.Linear(width, options.contrast_width)
        )
        self.momentum_encoder = copy.deepcopy(
            nn.Sequential(encoder, self.projection)
        ).requires_grad_(False)
        self.register_buffer("queue", torch.zeros(options.queue, options.contrast_width))
        self.register_buffer("queue_labels", torch.full((options.queue,), -1))
        self.register_buffer("prior", prior.log())

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        """Encoder, classifier and projection."""
        own = super().param_groups()
        return {**own, "classifier": [*own["classifier"], *self.projection.parameters()]}

    def changing(self) -> dict[str, Tensor]:
        """Trainable parameters, the momentum encoder and the queue."""
        average = {
            f"momentum_encoder.{k}": p for k, p in self.momentum_encoder.state_dict().items()
        }
        queue = {"queue": self.queue, "queue_labels": self.queue_labels}
        return {**super().changing(), **average, **queue}

    def forward(self, step: StepBatch, progress: Progress) -> Terms:  # noqa: ARG002
        """Compute the loss of first views and add second views to the queue.

        Raises: ConfigError for a micro-batch: the images of a step are contrasted with each other.
        """
        if len(step.labels) != step.total:
            raise ConfigError(
                "baseline paco: a step cannot be split into micro-batches, since its images are "
                "contrasted with each other. Set micro_batch=null and a smaller batch_size."
            )
        anchors = step.part(slice(0, len(step.labels) // 2))
        labels, second = anchors.labels, step.inputs["images"][len(anchors.labels) :]
        output = self.output(anchors.inputs)
        query = F.normalize(self.projection(output.feature).float(), dim=1)
        with torch.no_grad():
            self._update_momentum_encoder()
            key = F.normalize(self.momentum_encoder(second).float(), dim=1)
        others = torch.cat([labels, labels, self.queue_labels])
        itself = torch.eye(len(labels), len(others), dtype=torch.bool, device=labels.device)
        with torch.autocast(query.device.type, enabled=False):
            similarity = query @ torch.cat([query, key, self.queue]).T
        values = paco_loss(
            self._scale * output.logits + self.prior,
            similarity / self.options.temperature,
            labels,
            others,
            (others >= 0) & ~itself,
            self.options.alpha,
        )
        self._enqueue(key, labels)
        return Terms({"contrast": values.mean()}, {"contrast": 1.0})

    @property
    def _scale(self) -> float:
        scale = self.branches[0].loss.options["scale"]
        assert isinstance(scale, float)
        return scale

    def _update_momentum_encoder(self) -> None:
        parameters = [*self.encoder.parameters(), *self.projection.parameters()]
        for average, current in zip(self.momentum_encoder.parameters(), parameters, strict=True):
            average.lerp_(current, 1 - self.options.momentum)

    def _enqueue(self, key: Tensor, labels: Tensor) -> None:
        """Insert in front; the oldest entries leave the queue."""
        size = len(self.queue)
        self.queue = torch.cat([key, self.queue])[:size]
        self.queue_labels = torch.cat([labels, self.queue_labels])[:size]


def _train(trainer: BaselineTrainer) -> Stage:
    context, views = trainer.context, 2 * trainer.branches()
    if len(views) != 2:
        raise ConfigError(
            "baseline paco: sampler=dual, but both branches are views of the same images. "
            "Choose another sampler."
        )
    plain = trainer.stage(fully_tuned(context.backbone))
    prior = context.counts.clamp(min=1) / context.counts.clamp(min=1).sum()
    stage = PacoStage(plain.encoder, plain.classifier, views, prior, trainer.options)
    stage.to(context.accelerator.device)
    trainer.fit(stage)
    return stage


BASELINE = Baseline(
    _train, DEFAULTS, PacoOptions, reads=COMMON_READS, has_own_loss=True, allows_mixup=False
)
