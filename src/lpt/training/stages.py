"""One phase of training as a module: what is frozen, what learns, what is minimised.

A stage computes in two halves. `frozen(images)` needs no gradient and depends on the images alone,
so its result can be cached; `forward(inputs, labels, progress)` is differentiated. Rivals are
stages too: the loop knows nothing else.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from lpt.losses import (
    Loss,
    Phase2Settings,
    Terms,
    draw_noise,
    eta_weight,
    phase1_objective,
    phase2_objective,
)
from lpt.model import LongTailedPromptModel, Prefix
from lpt.records import Output

__all__ = ["Branch", "GroupStage", "Inputs", "Mixture", "Progress", "SharedStage", "Stage"]

Inputs = Mapping[str, Tensor]
"""Named tensors whose first axis is the image."""


@dataclass(frozen=True)
class Progress:
    """Where a step stands: epoch e = 0 .. E-1 of E."""

    epoch: int
    epochs: int


@dataclass(frozen=True)
class Branch:
    """One mini-batch of a step.

    Attributes:
        name: of its terms in metrics: "balanced" and "instance" for dual sampling, else its order.
        order: a key of `lpt.data.ORDERS`.
        loss: classification loss of this branch.
        eta: None for a constant weight of 1; else the weight at epoch 0, decaying to 0.
    """

    name: str
    order: str
    loss: Loss
    eta: float | None = None

    def beta(self, progress: Progress) -> float:
        """The branch's weight in this epoch."""
        if self.eta is None:
            return 1.0
        return eta_weight(self.eta, progress.epoch, progress.epochs)


@dataclass(frozen=True)
class Mixture:
    """Mixup of a branch: each image blended with a partner of the same branch."""

    partner: Int[Tensor, " B"]
    share: float


class Stage(nn.Module, ABC):
    """What the loop needs of anything that learns.

    Attributes:
        name: "phase1", "phase2" or a rival's name; names checkpoints and metrics.
        branches: the mini-batches of a step, of equal size, concatenated in this order.
        mixup: alpha of the Beta distribution; 0 for none.
    """

    name: str
    branches: Sequence[Branch]
    mixup: float

    @abstractmethod
    def groups(self) -> dict[str, list[nn.Parameter]]:
        """Parameters that learn, by role (`lpt.training.optim.ROLES`)."""

    def frozen(self, images: Float[Tensor, "B 3 H H"]) -> Inputs:
        """What can be computed without gradient; by default nothing is, the images pass through."""
        return {"images": images}

    @abstractmethod
    def output(self, inputs: Inputs) -> Output:
        """The differentiable half."""

    def predict(self, images: Float[Tensor, "B 3 H H"]) -> Output:
        """Both halves, for evaluation."""
        with torch.inference_mode():
            return self.output(self.frozen(images))

    def forward(self, inputs: Inputs, labels: Int[Tensor, " B"], progress: Progress) -> Terms:
        """Terms of the step; `inputs` and `labels` hold the branches one after the other.

        Args:
            inputs: {"images": ...}, or what `frozen` made of them earlier (without Mixup then).
        """
        parts = len(self.branches)
        mixtures: list[Mixture | None] = [None] * parts
        if "images" in inputs:
            images = inputs["images"]
            if self.mixup:
                mixtures, images = self._mix(images)
            with torch.no_grad():
                inputs = self.frozen(images)
        output = self.output(inputs)
        noise = draw_noise((len(labels), output.logits.shape[1])).to(output.logits.device)
        merged: dict[str, Tensor] = {}
        weights: dict[str, float] = {}
        size = len(labels) // parts
        for i, branch in enumerate(self.branches):
            rows = slice(i * size, (i + 1) * size)
            terms = self.objective(branch, output, labels, noise, rows, mixtures[i], progress)
            merged |= {f"{branch.name}.{name}": value for name, value in terms.items()}
            weights |= {f"{branch.name}.{name}": w for name, w in terms.weights.items()}
        return Terms(merged, weights)

    def objective(
        self,
        branch: Branch,
        output: Output,
        labels: Int[Tensor, " B"],
        noise: Float[Tensor, "B C"],
        rows: slice,
        mixture: Mixture | None,
        progress: Progress,
    ) -> Terms:
        """Terms of one branch, which owns `rows` of the batch: by default its weighted loss."""
        own = labels[rows]
        terms = phase1_objective(
            branch.loss,
            output.logits[rows],
            own,
            noise[rows] if branch.loss.needs_noise else None,
            **mixup_of(own, mixture),
        )
        return Terms(terms.terms, {"classification": branch.beta(progress)})

    def _mix(self, images: Tensor) -> tuple[list[Mixture | None], Tensor]:
        mixtures: list[Mixture | None] = []
        blended = []
        beta = torch.distributions.Beta(self.mixup, self.mixup)
        for part in images.chunk(len(self.branches)):
            mixture = Mixture(torch.randperm(len(part)).to(part.device), float(beta.sample()))
            blended.append(torch.lerp(part[mixture.partner], part, mixture.share))
            mixtures.append(mixture)
        return mixtures, torch.cat(blended)


def branches_of(
    sampler: str, loss: Loss, instance: Loss, dual_order: str = "balanced", eta: float = 0.5
) -> list[Branch]:
    """The branches that a sampler's name stands for: two for "dual", else one.

    Args:
        loss, instance: of the class-balanced and of the instance-balanced branch.
        dual_order: order of the class-balanced branch.
        eta: weight of the instance-balanced branch at epoch 0.
    Source: LPT (ICLR 2023), section 4.2, dual sampling.
    """
    if sampler != "dual":
        return [Branch(sampler, sampler, loss)]
    return [Branch("balanced", dual_order, loss), Branch("instance", "instance", instance, eta)]


class SharedStage(Stage):
    """Phase 1: shared prompts and classifier learn (section 4.1)."""

    name = "phase1"

    def __init__(
        self, model: LongTailedPromptModel, branches: Sequence[Branch], mixup: float = 0.0
    ) -> None:
        super().__init__()
        self.model, self.branches, self.mixup = model, branches, mixup
        self.losses = nn.ModuleList(b.loss for b in branches if isinstance(b.loss, nn.Module))

    def groups(self) -> dict[str, list[nn.Parameter]]:
        """Shared prompts and classifier."""
        return {
            "prompts": [self.model.shared.prompts],
            "classifier": [self.model.classifier.weight],
        }

    def output(self, inputs: Inputs) -> Output:
        """The shared-prompt pass."""
        return self.model.phase1(inputs["images"])


class GroupStage(Stage):
    """Phase 2: group prompts, keys and classifier learn; shared prompts are fixed (section 4.2)."""

    name = "phase2"

    def __init__(
        self,
        model: LongTailedPromptModel,
        branches: Sequence[Branch],
        settings: Phase2Settings,
        mixup: float = 0.0,
    ) -> None:
        super().__init__()
        self.model, self.branches, self.settings, self.mixup = model, branches, settings, mixup
        self.losses = nn.ModuleList(b.loss for b in branches if isinstance(b.loss, nn.Module))

    def groups(self) -> dict[str, list[nn.Parameter]]:
        """Group prompts, keys and classifier."""
        return {
            "prompts": [self.model.pool.prompts],
            "keys": [self.model.pool.keys],
            "classifier": [self.model.classifier.weight],
        }

    def frozen(self, images: Float[Tensor, "B 3 H H"]) -> Inputs:
        """Tokens after block K and the query: constant while the shared prompts are."""
        prefix = self.model.prefix(images)
        return {"tokens": prefix.tokens, "query": prefix.query}

    def output(self, inputs: Inputs) -> Output:
        """Matching, then the last L-K blocks once more."""
        with torch.no_grad():
            shared = self.model.shared_kv()
        return self.model.phase2(Prefix(inputs["tokens"], inputs["query"]), shared)

    def objective(
        self,
        branch: Branch,
        output: Output,
        labels: Tensor,
        noise: Tensor,
        rows: slice,
        mixture: Mixture | None,
        progress: Progress,
    ) -> Terms:
        """Weighted classification loss and key term."""
        assert output.match is not None
        own = labels[rows]
        return phase2_objective(
            branch.loss,
            output.logits[rows],
            own,
            output.match.similarity[rows],
            noise[rows] if branch.loss.needs_noise else None,
            beta=branch.beta(progress),
            settings=self.settings,
            **mixup_of(own, mixture),
        )


def mixup_of(labels: Tensor, mixture: Mixture | None) -> dict[str, Any]:
    """Arguments that tell an objective of Mixup; none without it."""
    if mixture is None:
        return {}
    return {"partner_labels": labels[mixture.partner], "lam": mixture.share}
