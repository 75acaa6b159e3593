"""Old names that are still accepted for one version, with a warning that gives the new name."""

import sys
import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

__all__ = ["RenamedWarning", "renamed_arguments", "warn_renamed"]

P = ParamSpec("P")
T = TypeVar("T")


class RenamedWarning(FutureWarning):
    """An old name was used for a setting, an option or a function."""


def warn_renamed(old: str, new: str) -> None:
    """Warn that `old` is now called `new`, and that lpt 0.3 will refuse it."""
    text = f"{old} is now {new}. The old name works until lpt 0.3."
    warnings.warn(text, RenamedWarning, stacklevel=_first_level_outside())


def renamed_arguments(**new_names: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Decorate a function that still accepts the old names of some of its arguments.

    Args:
        new_names: the new name of each old one.

    >>> @renamed_arguments(batch="batch_size")
    ... def predict(*, batch_size: int) -> int:
    ...     return batch_size
    >>> predict(batch_size=8)
    8
    """

    def decorated(function: Callable[P, T]) -> Callable[P, T]:
        @wraps(function)
        def accepting(*args: P.args, **given: P.kwargs) -> T:
            current: dict[str, Any] = given
            for old, new in new_names.items():
                if old in current and new not in current:
                    warn_renamed(f"the argument `{old}`", f"`{new}`")
                    current[new] = current.pop(old)
            return function(*args, **current)

        return accepting

    return decorated


def _first_level_outside() -> int:
    """Return the stack level, for `warn_renamed`, of the nearest caller outside this package."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("lpt."):
        frame, level = frame.f_back, level + 1
    return level
