"""Old names that are still accepted for one version, with a warning that gives the new name."""

import sys
import warnings

__all__ = ["RenamedWarning", "warn_renamed"]


class RenamedWarning(FutureWarning):
    """An old name was used for a setting, an option or a function."""


def warn_renamed(old: str, new: str) -> None:
    """Warn that `old` is now called `new`, and that lpt 0.3 will refuse it."""
    text = f"{old} is now {new}. The old name works until lpt 0.3."
    warnings.warn(text, RenamedWarning, stacklevel=_first_level_outside())


def _first_level_outside() -> int:
    """Return the stack level, for `warn_renamed`, of the nearest caller outside this package."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("lpt."):
        frame, level = frame.f_back, level + 1
    return level
