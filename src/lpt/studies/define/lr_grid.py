"""Candidate learning rates: the same small grid for every method."""

from dataclasses import dataclass
from fractions import Fraction

from lpt.config import RunConfig
from lpt.config.baseline_settings import BaselineSettings
from lpt.errors import ConfigError

__all__ = ["DEFAULT_LRS", "LearningRate", "parse_lrs", "scaled_baseline", "scaled_config"]

_ROLES = ("lr", "classifier_lr", "key_lr", "adapter_lr")


@dataclass(frozen=True)
class LearningRate:
    """A candidate: a multiple of a method's default learning rate, or an absolute one.

    Attributes:
        value: the factor or the learning rate.
        relative: whether it is a factor.
    """

    value: float
    relative: bool = True

    def __str__(self) -> str:
        if not self.relative:
            return f"{self.value:g}"
        share = Fraction(self.value).limit_denominator(100)
        exact = share.numerator == 1 and abs(float(share) - self.value) < 1e-9 * self.value
        return f"x{share}" if exact else f"x{self.value:.3g}"

    def factor(self, own: float) -> float:
        """Return the factor for all learning rates of a method whose main one is `own`."""
        return self.value if self.relative else self.value / own


DEFAULT_LRS = (LearningRate(1 / 3), LearningRate(1.0), LearningRate(3.0))
"""A third of a method's default learning rate, the default, and three times the default."""


def parse_lrs(text: str | None) -> tuple[LearningRate, ...]:
    """Parse "x1/3,x1,x3" (multiples of each method's default) or "0.001,0.003" (absolute).

    None is `DEFAULT_LRS`. A single candidate needs no selection.

    Raises: ConfigError naming a candidate that is not a positive number.
    """
    if text is None:
        return DEFAULT_LRS
    return tuple(dict.fromkeys(_lr(part.strip()) for part in text.split(",")))


def scaled_config(config: RunConfig, lr: LearningRate) -> RunConfig:
    """Scale all learning rates of both phases; an absolute one is that of phase 1's prompts."""
    factor = lr.factor(config.phase1.optim.lr)
    changes = {
        f"{phase}.optim.{role}": factor * own
        for phase in ("phase1", "phase2")
        for role in _ROLES
        if (own := getattr(getattr(config, phase).optim, role)) is not None
    }
    return config.changed(changes)


def scaled_baseline(settings: BaselineSettings, lr: LearningRate) -> BaselineSettings:
    """Scale both learning rates of a baseline; an absolute one is its `lr`."""
    assert settings.lr is not None
    factor = lr.factor(settings.lr)
    own = settings.classifier_lr
    return settings.changed(
        {
            "lr": factor * settings.lr,
            "classifier_lr": None if own is None else factor * own,
        }
    )


def _lr(text: str) -> LearningRate:
    relative = text.startswith("x")
    try:
        value = float(Fraction(text.removeprefix("x")))
    except (ValueError, ZeroDivisionError, OverflowError):
        value = 0.0
    if not 0 < value < float("inf"):
        raise ConfigError(
            f"--lrs: {text!r} is not a learning rate. Write multiples of each method's default as "
            "x1/3,x1,x3, or absolute values as 0.001,0.003."
        )
    return LearningRate(value, relative)
