"""One stage of training as a module: what is frozen, what learns, what is minimised.

A stage computes in two halves. `frozen(images)` needs no gradient and depends on the images alone,
so its result can be cached; `output` is differentiated. Both phases and all rivals are stages: the
loop knows nothing else.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from lpt.losses import Loss, Terms, draw_noise, eta_weight, phase1_objective
from lpt.model.classifier import CosineClassifier
from lpt.records import Output, Progress
from lpt.training.engine.step_batch import Inputs, StepBatch

__all__ = ["Branch", "Inputs", "Progress", "Stage", "branches_of", "dropout_of", "randomness_of"]


@dataclass(frozen=True)
class Branch:
    """One mini-batch of a step.

    Attributes:
        name: of its terms in metrics: "balanced" and "instance" for dual sampling, else its order.
        sampler: a key of `lpt.data.sampling.SAMPLERS`.
        loss: classification loss of this branch.
        eta: None for a constant weight of 1; else the weight at epoch 0, decaying to 0.
    """

    name: str
    sampler: str
    loss: Loss
    eta: float | None = None

    def beta(self, progress: Progress) -> float:
        """The branch's weight in this epoch."""
        if self.eta is None:
            return 1.0
        return eta_weight(self.eta, progress.epoch, progress.epochs)


class Stage(nn.Module, ABC):
    """What the loop needs of anything that learns.

    Attributes:
        name: "phase1", "phase2" or a rival's name; names checkpoints and metrics.
        branches: the mini-batches of a step, of equal size, concatenated in this order.
        mixup: alpha of the Beta distribution; 0 for none.
        classifier: what makes logits of features.
        compiled: `frozen` and `output` as training steps run them; None for as they are.
        remedy: what to do where training diverges.
    """

    name: str
    branches: Sequence[Branch]
    mixup: float
    classifier: CosineClassifier
    compiled: tuple[Callable[[Tensor], Inputs], Callable[[Inputs], Output]] | None = None
    remedy: str = "Choose a lower rate for this method."

    @abstractmethod
    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        """Parameters that learn, by role (`lpt.training.engine.optim.ROLES`)."""

    def changing(self) -> dict[str, Tensor]:
        """What training changes, by name: what learns, unless a stage has more to remember."""
        taught = {id(p) for parameters in self.param_groups().values() for p in parameters}
        return {name: p.detach() for name, p in self.named_parameters() if id(p) in taught}

    def frozen(self, images: Float[Tensor, "B 3 H H"]) -> Inputs:
        """What can be computed without gradient; by default nothing is, the images pass through."""
        return {"images": images}

    @abstractmethod
    def output(self, inputs: Inputs) -> Output:
        """The differentiable half; `inputs` also hold what `random_inputs` drew."""

    def random_inputs(self, images: int) -> Inputs:  # noqa: ARG002
        """Draw what `output` leaves to chance for a step of so many images, such as dropout."""
        return {}

    def compile_steps(self, backend: str = "inductor") -> None:
        """Let torch compile both halves at the next step, for its very shapes.

        Training steps alone: predictions come in batches of several sizes.
        """
        self.compiled = (
            torch.compile(self.frozen, dynamic=False, backend=backend),
            torch.compile(self.output, dynamic=False, backend=backend),
        )

    def predict(self, images: Float[Tensor, "B 3 H H"]) -> Output:
        """Both halves, for evaluation."""
        with torch.inference_mode():
            return self.output(self.frozen(images))

    def draw(self, inputs: Inputs, labels: Int[Tensor, " B"]) -> StepBatch:
        """Draw what chance decides about a step: Mixup, dropout, noise, in this order.

        By torch's generator on the CPU, so that every device draws the same.

        Args:
            inputs: {"images": ...}, or what `frozen` made of them earlier (without Mixup then).
            labels: of the branches one after the other, on the device of the inputs.
        """
        device, size = labels.device, len(labels) // len(self.branches)
        partner_labels = share = None
        if self.mixup and "images" in inputs:
            beta = torch.distributions.Beta(self.mixup, self.mixup)
            partners, shares = [], []
            for start in range(0, len(labels), size):
                partners.append(start + torch.randperm(size))
                shares.append(beta.sample().expand(size))
            partner, share = torch.cat(partners).to(device), torch.cat(shares).to(device)
            images = inputs["images"]
            blended = torch.lerp(images[partner], images, share.view(-1, 1, 1, 1))
            inputs, partner_labels = {**inputs, "images": blended}, labels[partner]
        drawn = {name: value.to(device) for name, value in self.random_inputs(len(labels)).items()}
        noisy = [b.loss for b in self.branches if b.loss.needs_noise]
        noise = draw_noise((len(labels), len(noisy[0].counts))).to(device) if noisy else None
        return StepBatch(
            {**inputs, **drawn}, labels, noise, partner_labels, share, first=0, total=len(labels)
        )

    def forward(self, step: StepBatch, progress: Progress) -> Terms:
        """Terms of a step; those of its parts add up to them."""
        inputs = step.inputs
        frozen, output_of = self.compiled or (self.frozen, self.output)
        if "images" in inputs:
            with torch.no_grad():
                inputs = {**inputs, **frozen(inputs["images"])}
        output = output_of(inputs)
        merged: dict[str, Tensor] = {}
        weights: dict[str, float] = {}
        for i, branch in enumerate(self.branches):
            rows = step.rows_of_branch(i, len(self.branches))
            if rows.start == rows.stop:
                continue
            share = (rows.stop - rows.start) * len(self.branches) / step.total
            terms = self.objective(branch, output, step, rows, progress)
            merged |= {f"{branch.name}.{name}": share * value for name, value in terms.items()}
            weights |= {f"{branch.name}.{name}": w for name, w in terms.weights.items()}
        return Terms(merged, weights)

    def objective(
        self, branch: Branch, output: Output, step: StepBatch, rows: slice, progress: Progress
    ) -> Terms:
        """Terms of one branch, which owns `rows` of the step: by default its weighted loss.

        Each is a mean over these images, of values that no other image enters: so a step may be cut
        anywhere and its gradient stays.
        """
        terms = phase1_objective(
            branch.loss,
            output.logits[rows],
            step.labels[rows],
            **randomness_of(branch.loss, step, rows),
            feature=output.feature[rows],
            progress=progress,
        )
        return Terms(terms.terms, {"classification": branch.beta(progress)})


def branches_of(
    sampler: str, loss: Loss, instance: Loss, dual_sampler: str = "balanced", eta: float = 0.5
) -> list[Branch]:
    """The branches that a sampler's name stands for: two for "dual", else one.

    Args:
        loss, instance: of the class-balanced and of the instance-balanced branch.
        dual_sampler: order of the class-balanced branch.
        eta: weight of the instance-balanced branch at epoch 0.
    Source: LPT (ICLR 2023), section 4.2, dual sampling.
    """
    if sampler != "dual":
        return [Branch(sampler, sampler, loss)]
    return [Branch("balanced", dual_sampler, loss), Branch("instance", "instance", instance, eta)]


def dropout_of(classifier: CosineClassifier, images: int) -> Inputs:
    """Return the dropout mask as an input of that name; {} without dropout."""
    dropout_mask = classifier.draw_dropout_mask(images)
    return {} if dropout_mask is None else {"dropout_mask": dropout_mask}


def randomness_of(loss: Loss, step: StepBatch, rows: slice) -> dict[str, Any]:
    """Arguments that tell an objective of noise, where its loss takes it, and of Mixup."""
    told: dict[str, Any] = {}
    if step.noise is not None and loss.needs_noise:
        told["noise"] = step.noise[rows]
    if step.partner_labels is not None and step.share is not None:
        told |= {"partner_labels": step.partner_labels[rows], "lam": step.share[rows]}
    return told
