"""Warnings that point to the caller, and old names that are accepted for one version."""

import sys
import warnings

__all__ = ["RenamedWarning", "warn_caller", "warn_renamed"]


class RenamedWarning(FutureWarning):
    """An old name was used for a setting, an option or a function."""


def warn_renamed(old: str, new: str) -> None:
    """Warn that `old` is now called `new`, and that lpt 0.3 will refuse it."""
    text = f"{old} is now {new}. The old name works until lpt 0.3."
    warn_caller(text, RenamedWarning)


def warn_caller(text: str, category: type[Warning]) -> None:
    """Warn at the line of the nearest caller outside this package."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("lpt."):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, category, stacklevel=level)
