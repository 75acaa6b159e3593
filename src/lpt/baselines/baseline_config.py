"""How a rival is trained."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lpt.data.sampling import ORDERS
from lpt.errors import ConfigError
from lpt.losses import loss_names

__all__ = ["INITS", "RivalSettings"]

INITS = ("class-means", "uniform")


@dataclass(frozen=True)
class RivalSettings:
    """Everything that decides the training of a rival, beside its bench.

    Attributes:
        epochs: of the first stage; a second has its own option.
        batch: images a step and branch; 0 chooses as for the phases of LPT.
        rate: peak learning rate; None for the rival's own default.
        classifier_rate: of the classifier; None for `rate`.
        weight_decay: of everything that learns.
        sampler: instance, balanced, square-root, class-cycle or dual.
        loss, loss_options: as for `lpt.losses.build_loss`.
        init: where the classifier starts: class-means of the features that the method starts with,
            or uniform.
        mean_share: after training, share of the class means of the features then learned in the
            directions of the classes (`lpt.training.phases.class_means`), 0 to 1.
        dropout: on the feature before the classifier, in training only; None for that of the run's
            classifier (`classifier.dropout`), so that methods differ in nothing but themselves.
        views: V > 0 chooses among V fixed views an image, whose frozen part is computed once; only
            for rivals with a frozen part. Kept views are not blended: no Mixup.
        ensemble: predict on five crops (`lpt.evaluation.tta`).
        options: the rival's own, by name.

    Raises: ConfigError naming a value out of range.
    """

    epochs: int = 20
    batch: int = 0
    rate: float | None = None
    classifier_rate: float | None = None
    weight_decay: float = 0.0
    sampler: str = "instance"
    loss: str = "ce"
    loss_options: Mapping[str, Any] = field(default_factory=dict)
    init: str = "class-means"
    mean_share: float = 0.0
    dropout: float | None = None
    views: int = 0
    ensemble: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "views"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise ConfigError(f"{name}={value}: choose a whole number, 0 or more.")
        if not _is_number(self.weight_decay) or not self.weight_decay >= 0:
            raise ConfigError(f"weight_decay={self.weight_decay}: choose 0 or more.")
        if not _is_number(self.mean_share) or not 0 <= self.mean_share <= 1:
            raise ConfigError(f"mean_share={self.mean_share}: choose a number from 0 to 1.")
        if self.dropout is not None and not (_is_number(self.dropout) and 0 <= self.dropout < 1):
            raise ConfigError(
                f"dropout={self.dropout}: choose a number from 0 to below 1, or None."
            )
        for name in ("rate", "classifier_rate"):
            rate = getattr(self, name)
            if rate is not None and not (_is_number(rate) and rate > 0):
                raise ConfigError(f"{name}={rate}: choose a number above 0, or None.")
        for name in ("loss_options", "options"):
            if not isinstance(getattr(self, name), Mapping):
                raise ConfigError(f"{name}={getattr(self, name)}: write {name}.NAME=VALUE.")
        if not isinstance(self.ensemble, bool):
            raise ConfigError(f"ensemble={self.ensemble}: choose true or false.")
        known = {"init": INITS, "sampler": (*ORDERS, "dual"), "loss": loss_names()}
        for name, words in known.items():
            if getattr(self, name) not in words:
                raise ConfigError(
                    f"{name}={getattr(self, name)}: choose one of {', '.join(words)}."
                )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
