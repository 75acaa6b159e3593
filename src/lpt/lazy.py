"""Names of a package that are imported on first use."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

__all__ = ["find_name"]


def find_name(package: str, homes: Mapping[str, str], name: str) -> Any:
    """Return a name of a package from the module that defines it: for a module's `__getattr__`.

    Args:
        package: the package, for the error.
        homes: module by name.
    Raises: AttributeError for any other name.

    >>> find_name("lpt", {"LptError": "lpt.errors"}, "LptError")
    <class 'lpt.errors.LptError'>
    """
    if name not in homes:
        raise AttributeError(f"module '{package}' has no attribute '{name}'", name=name)
    return getattr(import_module(homes[name]), name)
