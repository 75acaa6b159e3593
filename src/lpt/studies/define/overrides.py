"""What a user changes about a whole study."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lpt.baselines import BaselineSettings
from lpt.config.old_names import BASELINE_SETTINGS, current_names
from lpt.deprecation import warn_renamed
from lpt.errors import ConfigError
from lpt.studies.define.definition import Row

__all__ = ["Conditions"]

_DECIDED = {
    "recipe": "give --recipe",
    "backbone": "give --backbone",
    "seed": "give --seeds",
    "data.source": "give --data",
    "data.val_fraction": "final cells train on all images, and rates are chosen on a tenth of them",
    "selection": "the last epoch counts",
}
"""What a study decides itself, and what to do instead of setting it."""

_EPOCHS = ("phase1.epochs", "phase2.epochs", "baseline.epochs")
"""What `epochs` stands for."""


@dataclass(frozen=True)
class Conditions:
    """What a user changes about a whole study.

    Attributes:
        epochs: of every stage (a second classifier's at most its own); None for each method's own.
        init: how classifiers start, "class-means" or "uniform"; None for each method's own.
        ensemble: score final cells by the mean over five crops too, every method alike.
        settings: dotted settings for every row; those that begin with `baseline.` are for rivals.
        other: second data set, for multi-task training.
        recipe: of the rows that name none of their own.

    Raises: ConfigError for a setting that the study decides itself or `epochs` does, and for one
        that no rival has.
    """

    epochs: int | None = None
    init: str | None = None
    ensemble: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    other: str | None = None
    recipe: str = "default"

    def __post_init__(self) -> None:
        object.__setattr__(self, "settings", _current_settings(self.settings))
        for name, instead in _DECIDED.items():
            if name in self.settings:
                raise ConfigError(f"--set {name}: not in a study; {instead}.")
        for name in _EPOCHS if self.epochs is not None else ():
            if name in self.settings:
                raise ConfigError(
                    f"--set {name}={self.settings[name]}: --epochs {self.epochs} is given too. "
                    "Keep one."
                )
        for name in self.for_baselines:
            if name not in BaselineSettings.model_fields:
                known = ", ".join(BaselineSettings.model_fields)
                raise ConfigError(f"--set rival.{name}: no setting of rivals. Known: {known}.")

    @property
    def shared(self) -> dict[str, Any]:
        """Settings of the run's configuration."""
        return {k: v for k, v in self.settings.items() if not k.startswith("rival.")}

    @property
    def for_baselines(self) -> dict[str, Any]:
        """Fields of `BaselineSettings`; those of `baseline.FIELD.NAME` gathered by field.

        Raises: ConfigError if a field is given both as a whole and by name.
        """
        found: dict[str, Any] = {}
        for key, value in self.settings.items():
            if not key.startswith("rival."):
                continue
            name, _, inner = key.removeprefix("rival.").partition(".")
            before = found.get(name, {})
            if inner and not isinstance(before, Mapping):
                raise ConfigError(f"--set {key}: rival.{name}={before} is given too. Keep one.")
            found[name] = {**before, inner: value} if inner else value
        return found

    def recipe_of(self, row: Row) -> str:
        """The row's own recipe, or the study's."""
        return self.recipe if row.recipe == "default" else row.recipe


def _current_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings under their current names, those of baselines below `baseline.`."""
    own: dict[str, Any] = {}
    for_baselines: dict[str, Any] = {}
    for name, value in settings.items():
        section, _, key = name.partition(".")
        if section == "rival":
            warn_renamed(f"setting {name}", f"baseline.{BASELINE_SETTINGS.get(key, key)}")
            key, section = BASELINE_SETTINGS.get(key, key), "baseline"
        if section == "baseline":
            for_baselines[key] = value
        else:
            own[name] = value
    renamed = current_names(for_baselines, BASELINE_SETTINGS)
    return current_names(own) | {f"baseline.{key}": value for key, value in renamed.items()}
