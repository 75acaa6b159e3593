"""How a rival is trained."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lpt.errors import ConfigError

__all__ = ["INITS", "RivalSettings"]

INITS = ("class-means", "uniform")


@dataclass(frozen=True)
class RivalSettings:
    """Everything that decides the training of a rival, beside its bench.

    Attributes:
        epochs: E.
        batch: images a step and branch.
        rate: peak learning rate; None for the rival's own default.
        classifier_rate: of the classifier; None for `rate`.
        weight_decay: of everything that learns.
        sampler: instance, balanced, square-root, class-cycle or dual.
        loss, loss_options: as for `lpt.losses.build_loss`.
        init: where the classifier starts: class-means of the features that the method starts with,
            or uniform.
        views: V > 0 chooses among V fixed views an image, whose frozen part is computed once; only
            for rivals with a frozen part. Kept views are not blended: no Mixup.
        ensemble: predict on five crops (`lpt.evaluation.ensemble`).
        options: the rival's own, by name.

    Raises: ConfigError naming a value out of range.
    """

    epochs: int = 20
    batch: int = 64
    rate: float | None = None
    classifier_rate: float | None = None
    weight_decay: float = 0.0
    sampler: str = "instance"
    loss: str = "ce"
    loss_options: Mapping[str, Any] = field(default_factory=dict)
    init: str = "class-means"
    views: int = 0
    ensemble: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, least in (("epochs", 0), ("batch", 1), ("weight_decay", 0), ("views", 0)):
            if getattr(self, name) < least:
                raise ConfigError(f"{name}={getattr(self, name)}: choose {least} or more.")
        for name in ("rate", "classifier_rate"):
            rate = getattr(self, name)
            if rate is not None and not rate > 0:
                raise ConfigError(f"{name}={rate}: choose a number above 0, or None.")
        if self.init not in INITS:
            raise ConfigError(f"init={self.init}: choose one of {', '.join(INITS)}.")
