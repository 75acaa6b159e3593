"""Phase 1: shared prompts and classifier are trained (LPT, ICLR 2023, section 4.1)."""

from torch import Tensor

from lpt.config import RunConfig
from lpt.model.two_pass import LongTailedPromptModel
from lpt.training.engine.stage import Stage
from lpt.training.phases.initialization import start_classifier
from lpt.training.phases.phase import Phase
from lpt.training.phases.prompt_stages import SharedStage, configured_branches, configured_loss

__all__ = ["PHASE1"]


def _build(config: RunConfig, model: LongTailedPromptModel, counts: Tensor) -> Stage:
    loss = configured_loss(config.phase1, counts)
    branches = configured_branches(config.phase1, loss, loss)
    return SharedStage(model, branches, config.augment.mixup)


PHASE1 = Phase(
    name="phase1",
    number=1,
    title="shared prompt only",
    build_stage=_build,
    start=start_classifier,
    is_trained=lambda _: True,  # with 0 epochs, the initialised model is evaluated
    start_passes=lambda config: int(config.classifier.init != "uniform"),
)
