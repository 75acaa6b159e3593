"""The configuration that a run follows, and how it may change."""

from dataclasses import dataclass, replace
from typing import Any

from lpt.config import RunConfig
from lpt.data.class_groups import ClassGroups

__all__ = ["RunState"]


@dataclass(frozen=True)
class RunState:
    """The settings of a run at one moment; every change makes a new state.

    A training context holds the current state, and everything else reads it there
    (`TrainingContext.state`).

    Attributes:
        config: every setting, with nothing left to choose automatically.

    >>> state = RunState.resolved(RunConfig(), train_images=500)
    >>> state.config.phase1.batch_size
    10
    >>> state.changed(**{"phase2.cached_views": 3}).config.phase2.cached_views
    3
    >>> state.config.phase2.cached_views
    0
    """

    config: RunConfig

    @classmethod
    def resolved(
        cls, config: RunConfig, *, train_images: int, backbone: str | None = None
    ) -> "RunState":
        """Make the first state of a run.

        Args:
            train_images: number of training images, which determines automatic batch sizes.
            backbone: full name of the backbone that was loaded; None keeps the configured one.
        """
        config = config.resolved(train_images)
        return cls(config if backbone is None else config.changed({"backbone": backbone}))

    @property
    def groups(self) -> ClassGroups:
        """Bounds of the shot groups many, medium and few, in training images per class."""
        return ClassGroups(self.config.data.many_above, self.config.data.few_below)

    def changed(self, **settings: Any) -> "RunState":
        """Return a state with dotted settings changed.

        Raises: ConfigError naming setting, value and what is allowed.
        """
        return replace(self, config=self.config.changed(settings))
