"""RIDE: experts with a shared body, which are trained to disagree, more so about rare classes.

Source: routing diverse distribution-aware experts, Wang, Lian, Miao, Liu and Yu, ICLR 2021. Each
expert minimises its own classification loss minus a weighted divergence from the other experts,
with a temperature per class. The prediction is the mean of the experts' logits.

Departures from the paper:

- Not ResNets trained from scratch: the body is the frozen ViT with LIFT's adapters, trained with
  LIFT's settings. An expert is a residual bottleneck of the feature and a cosine classifier, where
  the paper's experts have the last two stages of the network of their own.
- No routing and no distillation: all experts see every image. The router only saves time.
- The loss is that of the settings, logit adjustment by default, where the paper has LDAM or
  cross-entropy. The scale of the loss multiplies cosines in the divergence, too.
- All classifiers start at the same class means by default. Experts then differ at the start in the
  inner weights of their bottlenecks only.
- Losses and divergences are averaged over the experts, where the paper adds them.

As the authors' code, and unlike the paper's equations, the divergence is one from the mean of the
experts, not one from each other expert, and temperatures are divided by the largest one. The code
makes temperatures depend on the class only in late epochs; here they do in all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, cast

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from pydantic import Field
from torch import Tensor, nn

from lpt.baselines.baseline import COMMON_READS, Baseline
from lpt.baselines.baseline_trainer import BaselineTrainer
from lpt.baselines.encoder import Encoder, EncoderStage
from lpt.baselines.methods.adapter import Adapter, AdapterOptions
from lpt.baselines.methods.long_tailed.lift import (
    DEFAULTS,
    LiftOptions,
    bottleneck_width,
    with_adapters,
)
from lpt.config.ranges import Factor, Width
from lpt.errors import ConfigError
from lpt.losses import Terms, check_loss
from lpt.model.classifier import CosineClassifier
from lpt.records import Output
from lpt.training.engine.stage import Branch, Inputs, Progress, Stage
from lpt.training.engine.step_batch import StepBatch
from lpt.training.phases.class_means import means_of

__all__ = [
    "BASELINE",
    "Expert",
    "ExpertsOutput",
    "RideOptions",
    "RideStage",
    "class_temperatures",
    "divergence_from_mean",
]


class RideOptions(LiftOptions):
    """Options of RIDE.

    Attributes:
        bottleneck: as in `LiftOptions`.
        experts: number of experts.
        expert_bottleneck: width of each expert's own bottleneck; None for LIFT's rule, by which
            it has no more weights than the expert's classifier.
        diversity: weight of the divergence; 0 for none.
        temperature: of the most frequent class.
        gamma: share of the class frequencies in the temperatures; 0 gives all classes the same.
    """

    experts: Annotated[int, Field(ge=1, le=64)] = 3
    expert_bottleneck: Width | None = None
    diversity: Factor = 0.2
    temperature: Annotated[float, Field(ge=1e-3, le=1e3)] = 1.0
    gamma: Annotated[float, Field(ge=0, lt=1)] = 0.05


def class_temperatures(
    counts: Int[Tensor, " C"], temperature: float, gamma: float
) -> Float[Tensor, " C"]:
    """Return a temperature per class, which is lower for rarer classes.

        T_i = temperature * b_i / max_j b_j,    b_i = gamma * C n_i / sum_j n_j + 1 - gamma

    Args:
        counts: n, training images per class, at least one image in all.
        temperature: of the most frequent class.
        gamma: share of the class frequencies, in [0, 1).
    Source: Wang et al., ICLR 2021, equations 13 and 14. Departure, as in the authors' code: b_i is
        divided by the largest, where the paper has b_i + 1 - max_j b_j, which can be negative.

    >>> class_temperatures(torch.tensor([90, 10]), temperature=1.0, gamma=0.5)
    tensor([1.0000, 0.4286])
    """
    share = gamma * len(counts) * counts / counts.sum() + 1 - gamma
    return temperature * share / share.max()


def divergence_from_mean(
    logits: Float[Tensor, "E B C"], temperatures: Float[Tensor, " C"]
) -> Float[Tensor, " B"]:
    """Compute how far E experts are from their mean: one value per image, 0 for equal experts.

        mean(T)^2 / E * sum_e KL(softmax(mean(v) / T) || softmax(v_e / T))

    The mean has no gradient, so raising the divergence moves each expert away from where the mean
    is now.

    Args:
        logits: v, scaled.
        temperatures: T.
    Source: the distribution-aware diversity loss of Wang et al., ICLR 2021. Departure, as in the
        authors' code: the divergence from the mean, not the mean of the divergences from each other
        expert; the factor mean(T)^2, which keeps gradients as large at any temperature.

    >>> logits = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])
    >>> divergence_from_mean(logits, torch.ones(2)), divergence_from_mean(logits[:1], torch.ones(2))
    (tensor([0.1201]), tensor([0.]))
    """
    log_p = (logits / temperatures).log_softmax(dim=-1)
    log_mean = (logits.detach().mean(0) / temperatures).log_softmax(dim=-1).expand_as(log_p)
    divergence = F.kl_div(log_p, log_mean, reduction="none", log_target=True).sum(-1)
    return temperatures.mean() ** 2 * divergence.mean(0)


class ResidualBottleneck(Adapter):
    """A bottleneck whose output is added to its input; it starts as the identity."""

    def forward(self, x: Float[Tensor, "*rows D"]) -> Float[Tensor, "*rows D"]:
        """Return x + s (ReLU(x W_down + b) W_up + c)."""
        changed: Tensor = x + super().forward(x)
        return changed


class Expert(nn.Module):
    """A residual bottleneck of the feature, and a cosine classifier.

    Args:
        classifier: of this expert only.
        bottleneck: width of the bottleneck.
    """

    def __init__(self, classifier: CosineClassifier, bottleneck: int) -> None:
        super().__init__()
        options = AdapterOptions(bottleneck=bottleneck, scale=1.0, train_scale=True)
        self.bottleneck = ResidualBottleneck(classifier.weight.shape[1], options)
        self.classifier = classifier

    def forward(
        self, shared: Float[Tensor, "B D"], dropout_mask: Bool[Tensor, "B D"] | None = None
    ) -> Output:
        """Classify the features of the body; `feature` of the output is the expert's own."""
        feature = self.bottleneck(shared)
        return Output(self.classifier(feature, dropout_mask), feature, shared)


@dataclass(frozen=True)
class ExpertsOutput(Output):
    """The mean logits of all experts, and the feature that they share.

    Attributes:
        experts: the output of each expert.
    """

    experts: tuple[Output, ...] = ()


class RideStage(EncoderStage):
    """A body with several experts.

    Args:
        experts: the `classifier` of the stage is that of the first.
        temperatures: T of each class.
        scale: of the cosines in the divergence.
        diversity: weight of the divergence.
    """

    experts: Sequence[Expert]
    temperatures: Tensor

    def __init__(
        self,
        encoder: Encoder,
        experts: Sequence[Expert],
        branches: Sequence[Branch],
        temperatures: Float[Tensor, " C"],
        scale: float,
        diversity: float,
        mixup: float = 0.0,
    ) -> None:
        super().__init__("ride", encoder, experts[0].classifier, branches, mixup)
        self.experts = cast(Sequence[Expert], nn.ModuleList(experts))
        self.scale, self.diversity = scale, diversity
        self.register_buffer("temperatures", temperatures)

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        """The adapters and all bottlenecks, and all classifiers."""
        bottlenecks = [p for expert in self.experts for p in expert.bottleneck.parameters()]
        classifiers = [p for expert in self.experts for p in expert.classifier.parameters()]
        shared = self.encoder.param_groups()["backbone"]
        return {"backbone": [*shared, *bottlenecks], "classifier": classifiers}

    def output(self, inputs: Inputs) -> ExpertsOutput:
        """Encode images once, then classify them by all experts, with the same dropout mask."""
        shared = self.encoder(inputs["images"])
        outputs = tuple(expert(shared, inputs.get("dropout_mask")) for expert in self.experts)
        logits = torch.stack([output.logits for output in outputs]).mean(0)
        return ExpertsOutput(logits, shared, shared, experts=outputs)

    def objective(
        self, branch: Branch, output: Output, step: StepBatch, rows: slice, progress: Progress
    ) -> Terms:
        """The mean classification loss of the experts, and their divergence, which is raised."""
        assert isinstance(output, ExpertsOutput)
        of_one = super().objective
        terms = [of_one(branch, expert, step, rows, progress) for expert in output.experts]
        classification = torch.stack([term["classification"] for term in terms]).mean()
        logits = torch.stack([expert.logits[rows] for expert in output.experts])
        divergence = divergence_from_mean(self.scale * logits, self.temperatures).mean()
        beta = branch.beta(progress)
        return Terms(
            {"classification": classification, "divergence": divergence},
            {"classification": beta, "divergence": -self.diversity * beta},
        )


def _scale(trainer: BaselineTrainer) -> float:
    """The scale of the loss."""
    options = check_loss(trainer.settings.loss, trainer.settings.loss_options)
    scale = options.get("scale")
    if not isinstance(scale, float):
        raise ConfigError(
            f"baseline ride: loss={trainer.settings.loss} has no option scale, which the "
            "divergence of experts needs. Choose another loss, such as loss=logit-adjustment."
        )
    return scale


def _train(trainer: BaselineTrainer) -> Stage:
    context, options, scale = trainer.context, trainer.options, _scale(trainer)
    width = options.expert_bottleneck or bottleneck_width(context.data.num_classes, depth=1)
    plain = trainer.stage(with_adapters(trainer))
    classifiers = [plain.classifier, *(trainer.classifier() for _ in range(options.experts - 1))]
    if trainer.settings.init == "class-means":
        for other in classifiers[1:]:
            other.start_at(plain.classifier.weight)
    stage = RideStage(
        plain.encoder,
        [Expert(classifier, width) for classifier in classifiers],
        plain.branches,
        class_temperatures(context.counts, options.temperature, options.gamma),
        scale,
        options.diversity,
        plain.mixup,
    )
    stage.to(context.accelerator.device).eval()
    trainer.fit(stage, mean_weight=0.0)  # experts have features of their own
    _interpolate_with_class_means(stage, trainer)
    return stage


def _interpolate_with_class_means(stage: RideStage, trainer: BaselineTrainer) -> None:
    """Interpolate each classifier with the class means of its expert's features."""
    weight = trainer.settings.mean_weight
    if not weight:
        return
    for expert in stage.experts:
        encode = nn.Sequential(stage.encoder, expert.bottleneck)
        means = means_of(trainer.context, encode, "ride: class means")
        expert.classifier.interpolate_towards(means, weight)


BASELINE = Baseline(_train, DEFAULTS, RideOptions, reads=COMMON_READS)
