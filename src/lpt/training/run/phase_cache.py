"""The cached views of a phase of a run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lpt.backbones import hash_weights
from lpt.model.two_pass import LongTailedPromptModel
from lpt.training.engine.sampling_plan import EpochPlan
from lpt.training.engine.stage import Stage
from lpt.training.engine.view_cache import ViewCache, build_cache
from lpt.training.run.training_context import TrainingContext

__all__ = ["phase_cache"]


def phase_cache(
    context: TrainingContext,
    model: LongTailedPromptModel,
    folder: Path,
    stage: Stage,
    plan: EpochPlan,
    identity: Mapping[str, Any],
) -> ViewCache:
    """Compute fixed views of the training images.

    Args:
        folder: of all caches of the run.
        identity: facts that decide whether an existing cache is of this run: data and backbone.
    Raises: NoRoomError if there are too many for the disk or the limit.
    """
    spec, config = context.backbone.spec, context.config
    upstream = {
        **identity,
        "image size": spec.image_size,
        "LayerNorm eps": spec.layer_norm_eps,
        "feature": spec.feature,
        "augmentation": config.augment.model_dump(mode="json"),
        "shared prompts": hash_weights({"shared": model.shared.prompts}),
        **_adapters(model),
        **_weights(model),
        "shared blocks": model.split,
        "precision": context.accelerator.mixed_precision,
    }
    return build_cache(
        folder / stage.name,
        stage,
        plan,
        context.image_source,
        upstream,
        context.reporter,
        dtype=config.phase2.cache_dtype,
        limit_gb=config.phase2.cache_limit_gb,
        device=context.accelerator.device,
        autocast=context.autocast,
        group=context.group,
    )


def _weights(model: LongTailedPromptModel) -> dict[str, str]:
    """Their number type; nothing for float32, so that caches of such runs stay valid."""
    kind = model.backbone.weights
    return {} if kind == "float32" else {"backbone weights": kind}


def _adapters(model: LongTailedPromptModel) -> dict[str, str]:
    """Their hash; nothing without adapters, so that caches of such runs stay valid."""
    if model.adapters is None:
        return {}
    return {"adapters": hash_weights(dict(model.adapters.named_parameters()))}
