"""Phase 2: group prompts, keys and classifier are trained (LPT, ICLR 2023, section 4.2)."""

from torch import Tensor

from lpt.config import RunConfig
from lpt.losses import Phase2Settings, instance_loss
from lpt.model.two_pass import LongTailedPromptModel
from lpt.training.engine.stage import Stage
from lpt.training.phases.initialization import start_pool
from lpt.training.phases.phase import Phase
from lpt.training.phases.prompt_stages import GroupStage, configured_branches, configured_loss

__all__ = ["PHASE2"]


def _build(config: RunConfig, model: LongTailedPromptModel, counts: Tensor) -> Stage:
    section = config.phase2
    settings = Phase2Settings(
        key_weight=section.key_weight,
        weight_key_term=section.weight_key_term,
        instance_lambda_pos=section.instance_lambda_pos,
        instance_lambda_neg=section.instance_lambda_neg,
    )
    loss = configured_loss(section, counts)
    branches = configured_branches(section, loss, instance_loss(loss, settings))
    return GroupStage(model, branches, settings, config.augment.mixup)


PHASE2 = Phase(
    name="phase2",
    number=2,
    title="shared + group prompts",
    build_stage=_build,
    start=start_pool,
    is_trained=lambda config: config.phase2.epochs > 0,
    start_passes=lambda config: int(config.prompts.key_init == "queries"),
)
