"""The description of a baseline: how it is trained, and which settings decide its result."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lpt.backbones import FrozenViT
from lpt.baselines.baseline_trainer import BaselineTrainer
from lpt.baselines.encoder import Encoder
from lpt.config import RunConfig
from lpt.config.section import Section
from lpt.errors import ConfigError
from lpt.training.engine.stage import Stage

__all__ = ["ALL_READS", "COMMON_READS", "Baseline", "NoOptions"]

COMMON_READS = (
    "backbone",
    "image_size",
    "layer_norm_eps",
    "feature",
    "backbone_weights",
    "seed",
    "precision",
    "data.source",
    "data.val_fraction",
    "data.test_fraction",
    "data.group_by",
    "data.bad_images",
    "data.corrections",
    "augment",
    "classifier.init_images_per_class",
    "classifier.dropout",
)
"""Settings of a run, or whole sections, that every baseline reads.

Group bounds (`data.many_above`, `data.few_below`) only decide how predictions are scored.
"""

ALL_READS = tuple(
    name
    for name in RunConfig.model_fields
    if name not in ("recipe", "checkpoint_seconds", "micro_batch")
)
"""All that a training could depend on: every section, except names and limits of the machine."""


class NoOptions(Section):
    """The options of a baseline that has none."""


def _one_stage(epochs: int, options: Any) -> tuple[int, ...]:  # noqa: ARG001
    return (epochs,)


@dataclass(frozen=True)
class Baseline:
    """A method to compare long-tailed prompt tuning with.

    A method that trains an encoder and a classifier together is made by `of_encoder`. Any other
    gives `train`, which builds stages with the trainer and trains them by its `fit`.

    Attributes:
        train: trains the method; returns the stage that predicts.
        defaults: settings of `BaselineSettings` that differ from the common defaults; `lr` always.
        options: the method's own options, with ranges and defaults.
        reads: names of settings or sections of `lpt.config.RunConfig` that decide the result;
            `COMMON_READS` are always added. A study trains again when one of them changes, and
            only then: a setting that `train` reads must not be missing here.
        uses_cached_views: whether `cached_views` has a meaning: part of the computation is frozen
            during training.
        has_own_loss: whether the method minimises its own loss, with the scale that
            `loss_options` gives.
        allows_mixup: whether the images of a step can be blended.
        stage_epochs: epochs of each stage that is trained, given those of the settings and the
            options.
    """

    train: Callable[[BaselineTrainer], Stage]
    defaults: Mapping[str, Any]
    options: type[Section] = NoOptions
    reads: tuple[str, ...] = ALL_READS
    uses_cached_views: bool = False
    has_own_loss: bool = False
    allows_mixup: bool = True
    stage_epochs: Callable[[int, Any], tuple[int, ...]] = _one_stage

    def __post_init__(self) -> None:
        object.__setattr__(self, "reads", tuple(dict.fromkeys((*COMMON_READS, *self.reads))))

    @classmethod
    def of_encoder(
        cls,
        make_encoder: Callable[[FrozenViT, Any], Encoder],
        defaults: Mapping[str, Any],
        options: type[Section] = NoOptions,
    ) -> "Baseline":
        """Describe a method that trains an encoder and a cosine classifier together.

        Args:
            make_encoder: makes the encoder from the frozen backbone and the checked options. It
                does not change the backbone; `lpt.baselines.TunedViT` changes a copy.
            defaults, options: as for `Baseline`.
        """
        return cls(
            lambda trainer: trainer.tune(make_encoder(trainer.context.backbone, trainer.options)),
            defaults,
            options,
            reads=COMMON_READS,
        )

    def depends_on(self, setting: str) -> bool:
        """Whether a setting of the run, such as "augment.flip", can decide the result."""
        parts = setting.split(".")
        return any(".".join(parts[:n]) in self.reads for n in range(1, len(parts) + 1))

    def check(self, name: str) -> None:
        """Raise a ConfigError if the description lacks a learning rate or reads unknown settings.

        Args:
            name: of the baseline, for the message.
        """
        if "lr" not in self.defaults:
            raise ConfigError(f"baseline {name}: its defaults lack a learning rate. Add 'lr'.")
        tree = RunConfig().model_dump()
        for path in self.reads:
            node: Any = tree
            for part in path.split("."):
                if not isinstance(node, dict) or part not in node:
                    raise ConfigError(
                        f"baseline {name}: reads '{path}', which is not a setting of a run. "
                        "Give dotted names of lpt.config.RunConfig."
                    )
                node = node[part]
