"""The user's changes to a whole study."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lpt.config.baseline_settings import BaselineSettings
from lpt.config.old_names import BASELINE_SETTINGS, current_names
from lpt.deprecation import warn_renamed
from lpt.errors import ConfigError
from lpt.studies.define.definition import Row

__all__ = ["Overrides"]

_DECIDED = {
    "recipe": "give --recipe",
    "backbone": "give --backbone",
    "seed": "give --seeds",
    "data.source": "give --data",
    "data.val_fraction": "final runs are trained on all images, selection runs on nine tenths",
    "selection": "runs always keep the last epoch",
}
"""Settings that a study fixes, and what to do instead of setting them."""

_EPOCHS = ("phase1.epochs", "phase2.epochs", "baseline.epochs")
"""Settings that `epochs` replaces."""

_BASELINE = "baseline."


@dataclass(frozen=True)
class Overrides:
    """The user's changes to a whole study.

    Attributes:
        epochs: of every stage (of a second classifier, at most its default) of rows that do not set
            their own; None for each method's default.
        init: initialisation of classifiers, "class-means" or "uniform"; None for each method's
            default.
        tta: also score final runs with test-time augmentation, for every method.
        settings: dotted settings for every row; those that begin with `baseline.` are for
            baselines.
        other: second data set, for multi-task training.
        recipe: of the rows that do not name one.

    Raises: ConfigError for a setting that the study or `epochs` fixes, and for an unknown baseline
        setting.
    """

    epochs: int | None = None
    init: str | None = None
    tta: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    other: str | None = None
    recipe: str = "default"

    def __post_init__(self) -> None:
        object.__setattr__(self, "settings", _current_settings(self.settings))
        for name, instead in _DECIDED.items():
            if name in self.settings:
                raise ConfigError(f"--set {name}: cannot be set in a study; {instead}.")
        for name in _EPOCHS if self.epochs is not None else ():
            if name in self.settings:
                raise ConfigError(
                    f"--set {name}={self.settings[name]}: --epochs {self.epochs} is given too. "
                    "Keep one."
                )
        for name in self.for_baselines:
            if name not in BaselineSettings.model_fields:
                known = ", ".join(BaselineSettings.model_fields)
                raise ConfigError(f"--set baseline.{name}: unknown. Known: {known}.")

    @property
    def shared(self) -> dict[str, Any]:
        """Settings of the run's configuration."""
        return {k: v for k, v in self.settings.items() if not k.startswith(_BASELINE)}

    @property
    def for_baselines(self) -> dict[str, Any]:
        """Fields of `BaselineSettings`; `baseline.FIELD.NAME` becomes a mapping of the field.

        Raises: ConfigError if a field is given both whole and by name.
        """
        found: dict[str, Any] = {}
        for key, value in self.settings.items():
            if not key.startswith(_BASELINE):
                continue
            name, _, inner = key.removeprefix(_BASELINE).partition(".")
            before = found.get(name, {})
            if inner and not isinstance(before, Mapping):
                raise ConfigError(f"--set {key}: baseline.{name}={before} is given too. Keep one.")
            found[name] = {**before, inner: value} if inner else value
        return found

    def recipe_of(self, row: Row) -> str:
        """Return the recipe of a row: its own, or the study's."""
        return self.recipe if row.recipe == "default" else row.recipe


def _current_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings under their current names; those of baselines begin with `baseline.`."""
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
