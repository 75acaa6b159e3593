"""Merge changes into a tree of settings: dotted names, nested mappings, or a mixture of both."""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from lpt.errors import ConfigError

__all__ = ["merged"]

_WHOLE = "options"
"""Options belong to one loss, so they are replaced as a whole."""


def merged(
    tree: Mapping[str, Any], changes: Mapping[str, Any], origin: str = "setting"
) -> dict[str, Any]:
    """Return a copy of a tree with some settings changed; all others keep their values.

    Another `loss.name` than the tree's starts without options.

    Args:
        tree: nested mappings by section.
        changes: by dotted name ("phase1.epochs"), nested ({"phase1": {"epochs": 5}}), or both.
        origin: begins the message of an error.
    Raises: ConfigError for a name in a section that does not exist, or that is given twice.

    >>> merged({"phase1": {"epochs": 20, "eta": 0.5}}, {"phase1": {"epochs": 5}})
    {'phase1': {'epochs': 5, 'eta': 0.5}}
    """
    result: dict[str, Any] = copy.deepcopy(dict(tree))
    values: dict[str, Any] = {}
    for path, value in _settings(tree, changes, ""):
        if path in values:
            raise ConfigError(f"{origin} {path}: given twice. Keep one of them.")
        values[path] = value
    for path, value in values.items():
        loss, _, last = path.rpartition(".")
        known = _section(result, loss) if last == "name" and loss.endswith("loss") else None
        if known is not None and value != known.get("name"):
            known[_WHOLE] = {}
    for path, value in values.items():
        parent, _, last = path.rpartition(".")
        section = _section(result, parent)
        if section is None:
            parts = parent.split(".")
            missing = next(
                name
                for end, name in enumerate(parts, 1)
                if _section(result, ".".join(parts[:end])) is None
            )
            raise ConfigError(f"{origin} {path}: unknown; there is no section '{missing}'.")
        section[last] = value
    return result


def _settings(
    tree: Mapping[str, Any], changes: Mapping[str, Any], prefix: str
) -> Iterator[tuple[str, Any]]:
    """Yield the changes by dotted name; mappings for sections of the tree are taken apart."""
    for name, value in changes.items():
        path = f"{prefix}{name}"
        nested = isinstance(value, Mapping) and not path.endswith(f".{_WHOLE}")
        if nested and _section(tree, path) is not None:
            yield from _settings(tree, value, f"{path}.")
        else:
            yield path, value


def _section(tree: Any, path: str) -> Any:
    """Return the mapping at a dotted name; None if there is none."""
    for name in path.split(".") if path else ():
        tree = tree.get(name) if isinstance(tree, Mapping) else None
    return tree if isinstance(tree, Mapping) else None
