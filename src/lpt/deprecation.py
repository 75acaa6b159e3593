"""Old names that are still accepted for one version, with a warning that gives the new name."""

import warnings

__all__ = ["RenamedWarning", "warn_renamed"]


class RenamedWarning(FutureWarning):
    """An old name was used for a setting, an option or a function."""


def warn_renamed(old: str, new: str) -> None:
    """Warn that `old` is now called `new`, and that lpt 0.3 will refuse it."""
    warnings.warn(
        f"{old} is now {new}. The old name works until lpt 0.3.", RenamedWarning, stacklevel=3
    )
