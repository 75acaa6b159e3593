"""The stages of long-tailed prompt tuning: shared prompts, then group prompts."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lpt.config import PhaseConfig
from lpt.losses import Loss, Phase2Settings, Terms, build_loss, phase2_objective
from lpt.model.two_pass import LongTailedPromptModel, Prefix
from lpt.records import Output
from lpt.training.engine.stage import (
    Branch,
    Progress,
    Stage,
    branches_of,
    dropout_of,
    randomness_of,
)
from lpt.training.engine.step_batch import Inputs, StepBatch

__all__ = [
    "GroupStage",
    "SharedStage",
    "adapter_group",
    "configured_branches",
    "configured_loss",
]


def configured_loss(phase: PhaseConfig, counts: Tensor) -> Loss:
    """Build the loss of a phase.

    Args:
        counts: (C,) training images per class.
    """
    return build_loss(phase.loss.name, counts.to(torch.int64), **phase.loss.options)


def configured_branches(phase: PhaseConfig, loss: Loss, instance: Loss) -> list[Branch]:
    """Return the branches of a phase.

    Args:
        loss, instance: losses of the class-balanced and of the instance-balanced branch.
    """
    return branches_of(phase.sampler, loss, instance, phase.dual_sampler, phase.eta)


def adapter_group(model: LongTailedPromptModel) -> dict[str, list[nn.Parameter]]:
    """Return the adapters as a group of parameters by role; {} without adapters."""
    if model.adapters is None:
        return {}
    return {"adapters": [p for p in model.adapters.parameters() if p.requires_grad]}


def _lower_lr(phase: str) -> str:
    return (
        f"Lower {phase}.optim.lr in a new run, or in this run's config.yaml before you resume it; "
        "the last checkpoint is finite."
    )


class _PromptStage(Stage):
    """The parts that both stages share: model, classifier and dropout before the classifier."""

    def __init__(
        self, model: LongTailedPromptModel, branches: Sequence[Branch], mixup: float = 0.0
    ) -> None:
        super().__init__()
        self.model, self.branches, self.mixup = model, branches, mixup
        self.classifier = model.classifier
        self.losses = nn.ModuleList(b.loss for b in branches if isinstance(b.loss, nn.Module))

    def random_inputs(self, images: int) -> Inputs:
        """Draw the dropout mask before the classifier."""
        return dropout_of(self.model.classifier, images)


class SharedStage(_PromptStage):
    """Phase 1: shared prompts, adapters (if the model has them) and classifier are trained.

    Source: LPT (ICLR 2023), section 4.1.
    """

    name = "phase1"
    batch_setting = "phase1.batch_size"
    remedy = _lower_lr(name)

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return shared prompts, adapters and classifier."""
        return {
            "prompts": [self.model.shared.prompts],
            **adapter_group(self.model),
            "classifier": [self.model.classifier.weight],
        }

    def output(self, inputs: Inputs) -> Output:
        """Run the shared-prompt pass."""
        return self.model.phase1(inputs["images"], dropout_mask=inputs.get("dropout_mask"))


class GroupStage(_PromptStage):
    """Phase 2: group prompts, keys and classifier are trained.

    The shared prompts and the adapters are frozen.

    Source: LPT (ICLR 2023), section 4.2.
    """

    name = "phase2"
    batch_setting = "phase2.batch_size"
    remedy = _lower_lr(name)

    def __init__(
        self,
        model: LongTailedPromptModel,
        branches: Sequence[Branch],
        settings: Phase2Settings,
        mixup: float = 0.0,
    ) -> None:
        super().__init__(model, branches, mixup)
        self.settings = settings

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return group prompts, keys and classifier."""
        return {
            "prompts": [self.model.pool.prompts],
            "keys": [self.model.pool.keys],
            "classifier": [self.model.classifier.weight],
        }

    def frozen(self, images: Float[Tensor, "B 3 H H"]) -> Inputs:
        """Compute the tokens after block K, (B, 1+N, D), and the query, (B, D)."""
        prefix = self.model.prefix(images)
        return {"tokens": prefix.tokens, "query": prefix.query}

    def output(self, inputs: Inputs) -> Output:
        """Match group prompts, then run the last L-K blocks with them."""
        with torch.no_grad():
            shared = self.model.shared_parts()
        prefix = Prefix(inputs["tokens"], inputs["query"])
        return self.model.phase2(prefix, shared, dropout_mask=inputs.get("dropout_mask"))

    def objective(
        self, branch: Branch, output: Output, step: StepBatch, rows: slice, progress: Progress
    ) -> Terms:
        """Compute the weighted classification loss and the key term (`phase2_objective`)."""
        assert output.match is not None
        return phase2_objective(
            branch.loss,
            output.logits[rows],
            step.labels[rows],
            output.match.similarity[rows],
            beta=branch.beta(progress),
            settings=self.settings,
            **randomness_of(branch.loss, step, rows),
            feature=output.feature[rows],
            progress=progress,
        )
