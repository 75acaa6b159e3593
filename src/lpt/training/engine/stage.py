"""A stage of training as a module: the frozen half, the trainable half and the objective.

`frozen(images)` needs no gradient and depends only on the images, so its result can be cached;
`output` is differentiated. Both phases and all baselines are stages; the loop knows nothing else.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from lpt.config import PhaseConfig
from lpt.losses import Loss, Terms, classification_objective, draw_noise, eta_weight
from lpt.model.classifier import CosineClassifier
from lpt.records import Output, Progress
from lpt.training.engine.step_batch import Inputs, StepBatch

__all__ = [
    "Branch",
    "Inputs",
    "Progress",
    "Stage",
    "branches_of",
    "dropout_of",
    "loaded_positions",
    "randomness_of",
]

_DEFAULTS = PhaseConfig()


@dataclass(frozen=True)
class Branch:
    """One mini-batch of a step, with its sampler and its loss.

    Attributes:
        name: prefix of its terms in metrics: "balanced" and "instance" for dual sampling, else the
            name of the sampler.
        sampler: name of a sampler (`lpt.data.sampling`).
        loss: classification loss of this branch.
        eta: weight at epoch 0, decaying linearly to 0; None for a constant weight of 1.
    """

    name: str
    sampler: str
    loss: Loss
    eta: float | None = None

    def beta(self, progress: Progress) -> float:
        """Return the weight of this branch in an epoch (method, section 4)."""
        if self.eta is None:
            return 1.0
        return eta_weight(self.eta, progress.epoch, progress.epochs)


class Stage(nn.Module, ABC):
    """Everything the loop needs from a trainable model.

    Attributes:
        name: "phase1", "phase2" or the name of a baseline; used for checkpoints and metrics.
        branches: the mini-batches of a step, of equal size, concatenated in this order.
        mixup: alpha of Mixup's Beta distribution; 0 for no Mixup.
        classifier: maps features to logits.
        compiled: compiled `frozen` and `output` for training steps; None for uncompiled steps.
        batch_setting: name of the setting of the batch size, for messages.
        remedy: advice to the user if training diverges.
    """

    name: str
    branches: Sequence[Branch]
    mixup: float
    classifier: CosineClassifier
    compiled: tuple[Callable[[Tensor], Inputs], Callable[[Inputs], Output]] | None = None
    batch_setting: str = "batch_size"
    remedy: str = "Choose a lower learning rate for this method."

    @abstractmethod
    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return the trainable parameters by role (`lpt.training.engine.optim.ROLES`)."""

    def lr_factors(self) -> Mapping[nn.Parameter, float]:
        """Return the parameters whose learning rate is a multiple of their role's; none here."""
        return {}

    def changing(self) -> dict[str, Tensor]:
        """Return the tensors that training changes, by name; checkpoints of baselines hold them.

        By default the trainable parameters; a stage with further state overrides this.
        """
        trainable = {id(p) for parameters in self.param_groups().values() for p in parameters}
        return {name: p.detach() for name, p in self.named_parameters() if id(p) in trainable}

    def frozen(self, images: Float[Tensor, "B 3 H H"]) -> Inputs:
        """Compute the frozen half; by default it is empty and the images pass through."""
        return {"images": images}

    @abstractmethod
    def output(self, inputs: Inputs) -> Output:
        """Compute the differentiable half.

        Args:
            inputs: the result of `frozen`, with the tensors that `random_inputs` drew.
        """

    def random_inputs(self, images: int) -> Inputs:  # noqa: ARG002
        """Draw the random inputs of `output` for a step of that many images, such as dropout masks.

        Their first axis runs over the images. Randomness inside `output` would break micro-batches.
        """
        return {}

    def compile_steps(self, backend: str = "inductor") -> None:
        """Compile both halves at the next training step, for the shapes of that step.

        Predictions stay uncompiled, because their batch sizes vary.
        """
        self.compiled = (
            torch.compile(self.frozen, dynamic=False, backend=backend),
            torch.compile(self.output, dynamic=False, backend=backend),
        )

    def predict(self, images: Float[Tensor, "B 3 H H"]) -> Output:
        """Run both halves without gradient, for evaluation."""
        with torch.inference_mode():
            return self.output(self.frozen(images))

    def draw_mixup(self, images: int) -> tuple[Tensor, Tensor]:
        """Draw the partners of a step's images, and the weights of the images: (B,) each, on CPU.

        Partners are of the same branch. These are the first random numbers of a step, so they are
        known before its images are loaded.
        """
        size = images // len(self.branches)
        beta = torch.distributions.Beta(self.mixup, self.mixup)
        partners, shares = [], []
        for start in range(0, images, size):
            partners.append(start + torch.randperm(size))
            shares.append(beta.sample().expand(size))
        return torch.cat(partners), torch.cat(shares)

    def draw(
        self, inputs: Inputs, labels: Int[Tensor, " B"], rows: slice | None = None
    ) -> StepBatch:
        """Draw the random numbers of a whole step: Mixup, dropout, noise, in this order.

        Uses torch's CPU generator, or the `OwnGenerator` that `train_step` makes for each step, so
        that every device gets the same numbers.

        Args:
            inputs: {"images": (B, 3, H, H)}, or cached results of `frozen` (then without Mixup).
            labels: (B,) labels, branch after branch, on the device of the inputs.
            rows: images of the step that this process computes; None for all. The inputs are then
                those images, followed by partners from other rows (`loaded_positions`).
        Returns: the step, or these rows of it.
        """
        device, total = labels.device, len(labels)
        rows = rows or slice(0, total)
        partner = share = None
        if self.mixup and "images" in inputs:
            drawn_partner, drawn_share = self.draw_mixup(total)
            partner, share = drawn_partner.to(device), drawn_share.to(device)
            place = torch.empty(total, dtype=torch.int64)
            positions = loaded_positions(rows, drawn_partner)
            place[positions] = torch.arange(len(positions))
            images, others = inputs["images"], place[drawn_partner[rows]].to(device)
            blended = torch.lerp(
                images[others], images[: rows.stop - rows.start], share[rows].view(-1, 1, 1, 1)
            )
            inputs = {**inputs, "images": blended}
        drawn = {name: value.to(device) for name, value in self.random_inputs(total).items()}
        noisy = [b.loss for b in self.branches if b.loss.needs_noise]
        noise = draw_noise((total, len(noisy[0].counts))).to(device) if noisy else None
        partner_labels = None if partner is None else labels[partner]
        whole = StepBatch(drawn, labels, noise, partner_labels, share, first=0, total=total)
        own = whole.part(rows)
        return replace(own, inputs={**inputs, **own.inputs})

    def forward(self, step: StepBatch, progress: Progress) -> Terms:
        """Compute the terms of a step, or of a part: the terms of all parts sum to the step's."""
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
        """Compute the terms of one branch: by default its weighted classification loss.

        Every term is a mean over the images in `rows` of values that depend on one image each.
        Splitting a step anywhere therefore leaves its gradient unchanged.

        Args:
            rows: images of the step that belong to the branch.
        """
        terms = classification_objective(
            branch.loss,
            output.logits[rows],
            step.labels[rows],
            **randomness_of(branch.loss, step, rows),
            feature=output.feature[rows],
            progress=progress,
        )
        return Terms(terms.terms, {"classification": branch.beta(progress)})


def loaded_positions(rows: slice, partner: Int[Tensor, " B"]) -> Int[Tensor, " R"]:
    """Return the images of a step that a process loads: its own, then partners from other rows.

    Args:
        rows: its share of the step.
        partner: (B,) position of the Mixup partner of each image of the step.

    >>> loaded_positions(slice(0, 2), torch.tensor([3, 1, 0, 2]))
    tensor([0, 1, 3])
    """
    own = torch.arange(rows.start, rows.stop)
    others = partner[rows]
    others = others[(others < rows.start) | (others >= rows.stop)]
    return torch.cat([own, others])


def branches_of(
    sampler: str,
    loss: Loss,
    instance: Loss,
    dual_sampler: str = _DEFAULTS.dual_sampler,
    eta: float = _DEFAULTS.eta,
) -> list[Branch]:
    """Return the branches of a sampler: two for "dual", else one.

    Args:
        loss, instance: losses of the class-balanced and of the instance-balanced branch.
        dual_sampler: sampler of the class-balanced branch.
        eta: weight of the instance-balanced branch at epoch 0.
    Source: LPT (ICLR 2023), section 4.2, dual sampling.
    """
    if sampler != "dual":
        return [Branch(sampler, sampler, loss)]
    return [Branch("balanced", dual_sampler, loss), Branch("instance", "instance", instance, eta)]


def dropout_of(classifier: CosineClassifier, images: int) -> Inputs:
    """Draw a dropout mask as the input "dropout_mask", (B, D); {} without dropout."""
    dropout_mask = classifier.draw_dropout_mask(images)
    return {} if dropout_mask is None else {"dropout_mask": dropout_mask}


def randomness_of(loss: Loss, step: StepBatch, rows: slice) -> dict[str, Any]:
    """Return the keyword arguments of an objective for noise (if its loss needs it) and Mixup."""
    arguments: dict[str, Any] = {}
    if step.noise is not None and loss.needs_noise:
        arguments["noise"] = step.noise[rows]
    if step.partner_labels is not None and step.share is not None:
        arguments |= {"partner_labels": step.partner_labels[rows], "lam": step.share[rows]}
    return arguments
