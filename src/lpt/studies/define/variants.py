"""Variants of long-tailed prompt tuning: joint training, and queries of the plain backbone.

These ablations of the paper are trainers, so they resume as any training does.
"""

from dataclasses import replace

from jaxtyping import Bool, Float
from torch import Tensor, nn

from lpt.config import RunConfig
from lpt.model.two_pass import LongTailedPromptModel, Prefix, SharedParts
from lpt.records import Output
from lpt.training.engine.stage import Inputs, Stage
from lpt.training.phases.phase1 import PHASE1
from lpt.training.phases.phase2 import PHASE2
from lpt.training.phases.prompt_stages import GroupStage, adapter_group
from lpt.training.pseudo.pseudo_labels import PseudoLabels
from lpt.training.run.run_folder import RunFolder
from lpt.training.run.training_context import TrainingContext
from lpt.training.trainer import Trainer

__all__ = ["JointStage", "JointTrainer", "PlainQueryModel", "PlainQueryTrainer"]


class JointStage(GroupStage):
    """Train shared prompts, adapters, group prompts, keys and classifier together.

    As in phase 2, no gradient flows through the query; it does flow through the tokens after
    block K.

    Source: LPT (ICLR 2023), table 9.
    """

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        """The trainable parameters of both phases."""
        groups = {**super().param_groups(), **adapter_group(self.model)}
        return {**groups, "prompts": [self.model.shared.prompts, *groups["prompts"]]}

    def frozen(self, images: Float[Tensor, "B 3 H H"]) -> Inputs:
        """Nothing is frozen: the shared prompts change at every step."""
        return {"images": images}

    def output(self, inputs: Inputs) -> Output:
        """Both passes; the tokens between them keep their gradient."""
        shared = self.model.shared_parts()
        prefix = self.model.prefix(inputs["images"], shared)
        matched = Prefix(prefix.tokens, prefix.query.detach())
        return self.model.phase2(matched, shared, dropout_mask=inputs.get("dropout_mask"))


def _joint_stage(config: RunConfig, model: LongTailedPromptModel, counts: Tensor) -> Stage:
    stage = PHASE2.build_stage(config, model, counts)
    assert isinstance(stage, GroupStage)
    return JointStage(model, stage.branches, stage.settings, stage.mixup)


class JointTrainer(Trainer):
    """A training without phase 1, whose phase 2 is a `JointStage`.

    `phase1.epochs` and `phase2.cached_views` must be 0. It does not train on unlabelled photos: no
    phase 1 was trained to label them.
    """

    phases = (PHASE1, replace(PHASE2, build_stage=_joint_stage))

    def __init__(self, context: TrainingContext, folder: RunFolder) -> None:
        super().__init__(context, folder)
        self.pseudo, self.phases = PseudoLabels(), type(self).phases


class PlainQueryModel(LongTailedPromptModel):
    """Match group prompts by the class token of the backbone without prompts.

    Source: LPT (ICLR 2023), table 10.
    """

    def phase1(
        self,
        images: Float[Tensor, "B 3 H H"],
        shared: SharedParts | None = None,
        dropout_mask: Bool[Tensor, "B D"] | None = None,
    ) -> Output:
        """The shared-prompt pass, classified by its own class token."""
        feature = super().prefix(images, shared).query
        return Output(self.classifier(feature, dropout_mask), feature, feature)

    def prefix(self, images: Float[Tensor, "B 3 H H"], shared: SharedParts | None = None) -> Prefix:
        """Tokens of the shared-prompt pass, query of the plain backbone."""
        return Prefix(super().prefix(images, shared).tokens, self.backbone(images))


class PlainQueryTrainer(Trainer):
    """A training whose model is a `PlainQueryModel`.

    Its task file is not kept, because the format has no field for the source of queries.
    """

    model_type = PlainQueryModel
