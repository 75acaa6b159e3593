"""PaCo: supervised contrast of two views against a queue, with the classes as learned centres.

Source: parametric contrastive learning, Cui, Zhong, Liu, Yu and Jia, ICCV 2021, section 3.
For an anchor, all other features of the step and those of a queue are what it is told apart from,
and so are the centres of all classes; those of its own class pull with weight alpha, the centre of
its class with weight 1, centres shifted by the log of their classes' shares. Departures: full
tuning of a pretrained ViT with a slowly following copy; cosine centres at the scale of the losses;
the queue starts empty, not with random features, and stays small, as data is here; both views are
the recipe's crops, without the source's stronger augmentation (RandAugment, colour, blur).
"""

import copy
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from lpt.baselines.baseline_trainer import Baseline, BaselineTrainer
from lpt.baselines.encoder import Encoder, EncoderStage
from lpt.baselines.methods.full import DEFAULTS, fully_tuned
from lpt.config.sections import Count, NonNegative, Positive, Section, Share
from lpt.errors import ConfigError
from lpt.losses import Terms
from lpt.model.classifier import CosineClassifier
from lpt.training.engine.stage import Branch, Progress, Stage
from lpt.training.engine.step_batch import StepBatch

__all__ = ["BASELINE", "PacoOptions", "PacoStage", "paco_loss"]


class PacoOptions(Section):
    """alpha, temperature and width of contrast; length of the queue; the copy's momentum."""

    alpha: NonNegative = 0.05
    temperature: Positive = 0.2
    contrast_width: Count = 128
    queue: Count = 1024
    momentum: Share = 0.999


def paco_loss(
    centres: Float[Tensor, "B C"],
    similarity: Float[Tensor, "B F"],
    labels: Int[Tensor, " B"],
    others: Int[Tensor, " F"],
    present: Bool[Tensor, "B F"],
    alpha: float,
) -> Float[Tensor, " B"]:
    """Weighted mean of -log p over what an anchor should be near, a value an anchor.

    Args:
        centres: logits of the class centres, shifted.
        similarity: logits of anchors and other features.
        others: labels of the other features.
        present: which of them an anchor is told apart from (not itself, not an empty place).
    """
    logits = torch.cat([centres, similarity.masked_fill(~present, -torch.inf)], dim=1)
    log_p = logits.log_softmax(dim=1)
    own_centre = log_p.gather(1, labels[:, None]).squeeze(1)
    near = present & (others == labels[:, None])
    pulled = log_p[:, centres.shape[1] :].masked_fill(~near, 0.0).sum(1)
    return -(own_centre + alpha * pulled) / (1 + alpha * near.sum(1))


class PacoStage(EncoderStage):
    """Two branches of one order are the two views of a step.

    Attributes:
        follower: copy of encoder and projection that follows them slowly and encodes second views.
        queue, queue_labels: (Q, d) features of earlier second views; label -1 where there is none.
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
        self.follower = copy.deepcopy(nn.Sequential(encoder, self.projection)).requires_grad_(False)
        self.register_buffer("queue", torch.zeros(options.queue, options.contrast_width))
        self.register_buffer("queue_labels", torch.full((options.queue,), -1))
        self.register_buffer("prior", prior.log())

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        """Encoder, classifier and projection; the follower does not learn."""
        own = super().param_groups()
        return {**own, "classifier": [*own["classifier"], *self.projection.parameters()]}

    def changing(self) -> dict[str, Tensor]:
        """What learns, what follows it, and the queue."""
        follower = {f"follower.{name}": p for name, p in self.follower.state_dict().items()}
        queue = {"queue": self.queue, "queue_labels": self.queue_labels}
        return {**super().changing(), **follower, **queue}

    def forward(self, step: StepBatch, progress: Progress) -> Terms:  # noqa: ARG002
        """The loss of first views; second views enter the queue.

        Raises: ConfigError for a part of a step: its images are contrasted with each other.
        """
        if len(step.labels) != step.total:
            raise ConfigError(
                "paco: a step cannot be cut into micro-batches, as its images are contrasted with "
                "each other. Set micro_batch=null and a smaller batch."
            )
        anchors = step.part(slice(0, len(step.labels) // 2))
        labels, second = anchors.labels, step.inputs["images"][len(anchors.labels) :]
        output = self.output(anchors.inputs)
        query = F.normalize(self.projection(output.feature).float(), dim=1)
        with torch.no_grad():
            self._follow()
            key = F.normalize(self.follower(second).float(), dim=1)
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

    def _follow(self) -> None:
        leaders = [*self.encoder.parameters(), *self.projection.parameters()]
        for follower, leader in zip(self.follower.parameters(), leaders, strict=True):
            follower.lerp_(leader, 1 - self.options.momentum)

    def _enqueue(self, key: Tensor, labels: Tensor) -> None:
        """Put in front; the oldest fall out."""
        size = len(self.queue)
        self.queue = torch.cat([key, self.queue])[:size]
        self.queue_labels = torch.cat([labels, self.queue_labels])[:size]


def _train(trainer: BaselineTrainer) -> Stage:
    context, views = trainer.context, 2 * trainer.branches()
    if len(views) != 2:
        raise ConfigError(
            "paco: sampler=dual, but it shows two views of the same images. Take another sampler."
        )
    plain = trainer.stage(fully_tuned(context.backbone))
    prior = context.counts.clamp(min=1) / context.counts.clamp(min=1).sum()
    stage = PacoStage(plain.encoder, plain.classifier, views, prior, trainer.options)
    stage.to(context.accelerator.device)
    trainer.fit(stage)
    return stage


BASELINE = Baseline(_train, DEFAULTS, PacoOptions, has_own_loss=True, blends=False)
