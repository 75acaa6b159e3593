"""The two phases of long-tailed prompt tuning as stages: shared prompts, then group prompts."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lpt.losses import Phase2Settings, Terms, phase2_objective
from lpt.model.two_pass import LongTailedPromptModel, Prefix
from lpt.records import Output
from lpt.training.engine.stage import Branch, Progress, Stage, dropout_of, randomness_of
from lpt.training.engine.step_batch import Inputs, StepBatch

__all__ = ["GroupStage", "SharedStage"]


def _lower_lr(phase: str) -> str:
    return (
        f"Lower {phase}.optim.lr with --set in a new run; or lower it in this run's config.yaml "
        "and try --resume: its last checkpoint is finite, if not far from here."
    )


class _PromptStage(Stage):
    """What both phases share: a model, its classifier and dropout before it."""

    def __init__(
        self, model: LongTailedPromptModel, branches: Sequence[Branch], mixup: float = 0.0
    ) -> None:
        super().__init__()
        self.model, self.branches, self.mixup = model, branches, mixup
        self.classifier = model.classifier
        self.losses = nn.ModuleList(b.loss for b in branches if isinstance(b.loss, nn.Module))

    def random_inputs(self, images: int) -> Inputs:
        """Dropout before the classifier."""
        return dropout_of(self.model.classifier, images)


class SharedStage(_PromptStage):
    """Phase 1: shared prompts and classifier learn (section 4.1)."""

    name = "phase1"
    remedy = _lower_lr(name)

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        """Shared prompts and classifier."""
        return {
            "prompts": [self.model.shared.prompts],
            "classifier": [self.model.classifier.weight],
        }

    def output(self, inputs: Inputs) -> Output:
        """The shared-prompt pass."""
        return self.model.phase1(inputs["images"], dropout_mask=inputs.get("dropout_mask"))


class GroupStage(_PromptStage):
    """Phase 2: group prompts, keys and classifier learn; shared prompts are fixed (section 4.2)."""

    name = "phase2"
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
        prefix = Prefix(inputs["tokens"], inputs["query"])
        return self.model.phase2(prefix, shared, dropout_mask=inputs.get("dropout_mask"))

    def objective(
        self, branch: Branch, output: Output, step: StepBatch, rows: slice, progress: Progress
    ) -> Terms:
        """Weighted classification loss and key term."""
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
