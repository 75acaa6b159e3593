"""How a rival is trained."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lpt.data.sampling import SAMPLERS
from lpt.errors import ConfigError
from lpt.losses import loss_names

__all__ = ["INITS", "BaselineSettings"]

INITS = ("class-means", "uniform")


@dataclass(frozen=True)
class BaselineSettings:
    """Everything that decides the training of a rival, beside its bench.

    Attributes:
        epochs: of the first stage; a second has its own option.
        batch_size: images a step and branch; 0 chooses as for the phases of LPT.
        rate: peak learning rate; None for the rival's own default.
        classifier_lr: of the classifier; None for `lr`.
        weight_decay: of everything that learns.
        sampler: instance, balanced, square-root, class-cycle or dual.
        loss, loss_options: as for `lpt.losses.build_loss`.
        init: where the classifier starts: class-means of the features that the method starts with,
            or uniform.
        mean_weight: after training, share of the class means of the features then learned in the
            directions of the classes (`lpt.training.phases.class_means`), 0 to 1.
        dropout: on the feature before the classifier, in training only; None for that of the run's
            classifier (`classifier.dropout`), so that methods differ in nothing but themselves.
        cached_views: V > 0 samples from V fixed views per image, whose frozen part is computed
            once; only for baselines with a frozen part. Kept views are not blended: no Mixup.
        tta: predict on five crops (`lpt.evaluation.tta`).
        options: the rival's own, by name.

    Raises: ConfigError naming a value out of range.
    """

    epochs: int = 20
    batch_size: int = 0
    lr: float | None = None
    classifier_lr: float | None = None
    weight_decay: float = 0.0
    sampler: str = "instance"
    loss: str = "ce"
    loss_options: Mapping[str, Any] = field(default_factory=dict)
    init: str = "class-means"
    mean_weight: float = 0.0
    dropout: float | None = None
    cached_views: int = 0
    tta: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "cached_views"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise ConfigError(f"{name}={value}: choose a whole number, 0 or more.")
        if not _is_number(self.weight_decay) or not self.weight_decay >= 0:
            raise ConfigError(f"weight_decay={self.weight_decay}: choose 0 or more.")
        if not _is_number(self.mean_weight) or not 0 <= self.mean_weight <= 1:
            raise ConfigError(f"mean_weight={self.mean_weight}: choose a number from 0 to 1.")
        if self.dropout is not None and not (_is_number(self.dropout) and 0 <= self.dropout < 1):
            raise ConfigError(
                f"dropout={self.dropout}: choose a number from 0 to below 1, or None."
            )
        for name in ("lr", "classifier_lr"):
            lr = getattr(self, name)
            if lr is not None and not (_is_number(lr) and lr > 0):
                raise ConfigError(f"{name}={lr}: choose a number above 0, or None.")
        for name in ("loss_options", "options"):
            if not isinstance(getattr(self, name), Mapping):
                raise ConfigError(f"{name}={getattr(self, name)}: write {name}.NAME=VALUE.")
        if not isinstance(self.tta, bool):
            raise ConfigError(f"tta={self.tta}: choose true or false.")
        known = {"init": INITS, "sampler": (*SAMPLERS, "dual"), "loss": loss_names()}
        for name, words in known.items():
            if getattr(self, name) not in words:
                raise ConfigError(
                    f"{name}={getattr(self, name)}: choose one of {', '.join(words)}."
                )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
