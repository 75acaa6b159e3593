"""Refuse settings that cannot fit into memory before anything is allocated for them.

The system may promise more memory than it has and end the process later, without a message. The
estimates count only what is certainly needed at once, so a run that fits is never refused.
"""

import torch

from lpt.backbones import FrozenViT
from lpt.config import RunConfig
from lpt.data.sampling import DUAL
from lpt.errors import ConfigError
from lpt.files.regular_files import size_text
from lpt.machine.free_memory import free_memory
from lpt.training.run.training_context import TrainingContext

__all__ = [
    "check_run_memory",
    "check_step_memory",
    "prompt_bytes",
    "step_bytes",
    "training_bytes",
]

_FLOAT = 4
_COPIES = 4
"""Of each trainable number: value, gradient, and two averages of AdamW (one of SGD)."""
_KEPT = 6
"""Numbers per token and channel that a block keeps for its backward pass, at least."""


def prompt_bytes(config: RunConfig, backbone: FrozenViT, classes: int) -> int:
    """Bytes of prompts, keys, classifier and adapters with gradients and optimiser states."""
    prompts, width = config.prompts, backbone.width
    first = backbone.depth // 2 if prompts.shared_blocks is None else prompts.shared_blocks
    group = max(backbone.depth - first, 0) * prompts.length
    rows = backbone.depth * prompts.length + prompts.pool_size * group
    rows += 2 * backbone.depth * config.adapters.width
    numbers = rows * width + (classes + prompts.pool_size) * backbone.feature_width
    return training_bytes(numbers)


def training_bytes(numbers: int) -> int:
    """Bytes of trainable numbers with their gradients and the averages of AdamW.

    >>> training_bytes(1_000)
    16000
    """
    return _COPIES * _FLOAT * numbers


def step_bytes(
    backbone: FrozenViT,
    *,
    images: int,
    at_once: int,
    prompts: int,
    classes: int,
    number_bytes: int = _FLOAT,
    cached: bool = False,
    recompute: bool = False,
) -> int:
    """Bytes that a training step needs at once, at least.

    Args:
        backbone: whose blocks are differentiated, the first excepted.
        images: images per step, all branches together.
        at_once: images per micro-batch.
        prompts: tokens that each block takes in addition.
        classes: C.
        number_bytes: bytes per number in the blocks: 2 in bf16.
        cached: whether tokens are loaded instead of images (`phase2.cached_views`).
        recompute: whether blocks keep only their input (`activation_checkpointing`).
    """
    size, patches = backbone.spec.image_size, backbone.spec.num_patches
    loaded = (1 + patches) * backbone.width if cached else 3 * size * size
    loaded *= images * _FLOAT
    blocks = backbone.depth - 1
    inputs = at_once * (1 + patches)
    tokens = inputs * _KEPT + at_once * prompts
    kept_tokens = tokens + inputs * (blocks - 1) if recompute else tokens * blocks
    kept = kept_tokens * backbone.width * number_bytes
    logits = (images + 2 * at_once) * classes * _FLOAT
    return loaded + kept + logits


def check_step_memory(
    context: TrainingContext,
    *,
    batch: int,
    branches: int,
    prompts: int,
    setting: str,
    cached: bool = False,
) -> None:
    """Check that a training step can fit.

    Args:
        batch, branches: images per step are their product.
        prompts: tokens that each block takes in addition.
        setting: name of the setting of the batch size.
        cached: whether cached views are loaded instead of images.
    Raises: ConfigError naming the setting, what is needed and what is free.
    """
    images = context.group.largest_share(batch * branches)
    device = context.accelerator.device
    at_once = context.config.micro_batch or images
    if device.type == "cuda" and context.config.micro_batch is None:
        at_once = 1  # adapts to the memory
    needed = step_bytes(
        context.backbone,
        images=images,
        at_once=min(images, at_once),
        prompts=prompts,
        classes=context.data.num_classes,
        number_bytes=2 if context.arithmetic["precision"] == "bf16" else _FLOAT,
        cached=cached,
        recompute=context.config.activation_checkpointing,
    )
    remedy = "Lower it" if at_once < images else "Lower it, set micro_batch"
    _check(needed, device, f"{setting}={batch}", f"{remedy} or use a smaller backbone.")


def check_run_memory(context: TrainingContext) -> None:
    """Check that a run's prompts, a step of each phase and the logits of a split can fit.

    Raises: ConfigError naming the settings, what is needed and what is free.
    """
    config, classes = context.config, context.data.num_classes
    prompts = config.prompts
    sizes = {"prompts.length": prompts.length, "prompts.pool_size": prompts.pool_size}
    if config.adapters.width:
        sizes["adapters.width"] = config.adapters.width
    _check(
        prompt_bytes(config, context.backbone, classes),
        context.accelerator.device,
        f"{', '.join(f'{name}={value}' for name, value in sizes.items())} with {classes:,} classes",
        f"Lower {' or '.join(sizes)}.",
    )
    scored = max(map(len, context.evaluation_splits.values()), default=0)
    _check(
        scored * classes * _FLOAT,
        torch.device("cpu"),
        f"{scored:,} images for evaluation with {classes:,} classes",
        "Evaluate on fewer images.",
    )
    for name, phase in (("phase1", config.phase1), ("phase2", config.phase2)):
        check_step_memory(
            context,
            batch=phase.batch_size,
            branches=2 if phase.sampler == DUAL else 1,
            prompts=prompts.length,
            setting=f"{name}.batch_size",
            cached=name == "phase2" and config.phase2.cached_views > 0,
        )


def _check(needed: int, device: torch.device, what: str, remedy: str) -> None:
    free = free_memory(device)
    if free is not None and needed > free:
        raise ConfigError(
            f"{what}: needs at least {size_text(needed)} of memory, and {size_text(free)} are "
            f"free. {remedy}"
        )
