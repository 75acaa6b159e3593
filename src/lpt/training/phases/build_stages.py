"""The list of phases, and the model and the stages of a configuration."""

from collections.abc import Iterable

from torch import Tensor, nn

from lpt.backbones import FrozenViT
from lpt.config import RunConfig
from lpt.errors import ConfigError
from lpt.model.prompt_shape import PromptShape
from lpt.model.two_pass import LongTailedPromptModel
from lpt.training.engine.stage import Stage
from lpt.training.phases.phase import Phase
from lpt.training.phases.phase1 import PHASE1
from lpt.training.phases.phase2 import PHASE2

__all__ = ["PHASES", "build_model", "build_stage", "trainable_parameters"]

PHASES: tuple[Phase, ...] = (PHASE1, PHASE2)
"""The phases of a run in order."""


def build_model(
    config: RunConfig,
    backbone: FrozenViT,
    num_classes: int,
    kind: type[LongTailedPromptModel] = LongTailedPromptModel,
) -> LongTailedPromptModel:
    """Build a model with the prompt sizes P, K, M, T, adapters and dropout of a configuration.

    Raises: ConfigError if they do not fit the backbone.
    """
    prompts, adapters = config.prompts, config.adapters
    shape = PromptShape(prompts.length, prompts.shared_blocks, prompts.pool_size, prompts.top_k)
    model = kind(
        backbone,
        num_classes,
        shape,
        dropout=config.classifier.dropout,
        adapter_width=adapters.width,
        adapter_scale=adapters.scale,
        reads_both=config.reads_both_passes,
    )
    model.recompute = config.activation_checkpointing
    if model.adapters is not None:
        model.adapters.scale.requires_grad_(adapters.train_scale)
    return model


def build_stage(
    name: str, config: RunConfig, model: LongTailedPromptModel, counts: Tensor
) -> Stage:
    """Build the stage of a phase by the name of the phase.

    Args:
        counts: (C,) training images per class, for the losses.
    Raises: ConfigError if there is no such phase.
    """
    for phase in PHASES:
        if phase.name == name:
            return phase.build_stage(config, model, counts)
    known = ", ".join(phase.name for phase in PHASES)
    raise ConfigError(f"phase '{name}': unknown. Known: {known}.")


def trainable_parameters(stages: Iterable[Stage]) -> list[tuple[str, nn.Parameter]]:
    """Return each trainable parameter of some stages once, with its last role."""
    unique: dict[int, tuple[str, nn.Parameter]] = {}
    for stage in stages:
        for role, parameters in stage.param_groups().items():
            unique |= {id(p): (role, p) for p in parameters}
    return list(unique.values())
