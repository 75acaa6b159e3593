"""Registries of named entries that other packages can extend, such as losses and samplers.

A package adds entries by calling a `register_*` function of `lpt`. To do so without being imported,
it declares an entry point of the group `lpt.plugins`: a module, which registers entries when it is
imported, or a function, which is called. Entry points are loaded when a name is looked up that is
not known yet, or when all names are listed.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

from lpt.errors import ConfigError
from lpt.escape import described

__all__ = ["GROUP", "Registry", "check_name", "load_plugins"]

GROUP = "lpt.plugins"
"""Group of the entry points that are loaded as plugins."""

Entry = TypeVar("Entry")

_loaded: set[tuple[str, str]] = set()


class Registry(Mapping[str, Entry], Generic[Entry]):
    """Entries of one kind by name: the built-in ones, then the registered ones.

    Args:
        kind: the kind in messages, such as "loss".
        builtin: entries of `lpt` itself.

    >>> colours = Registry("colour", {"red": 1})
    >>> colours.register("blue", 2)
    >>> colours["blue"], list(colours)
    (2, ['red', 'blue'])
    """

    def __init__(self, kind: str, builtin: Mapping[str, Entry]) -> None:
        self.kind = kind
        self._builtin = frozenset(builtin)
        self._entries = dict(builtin)

    def register(self, name: str, entry: Entry, *, replace: bool = False) -> None:
        """Add an entry.

        Args:
            name: name of the entry; not empty, without blanks and without / : = ,
            entry: the entry.
            replace: allow replacing a registered entry; a built-in one is never replaced.
        Raises: ConfigError if the name is invalid or taken.
        """
        check_name(self.kind, name)
        if name in self._builtin or (name in self._entries and not replace):
            raise ConfigError(f"{self.kind} '{name}' exists already. Choose another name.")
        self._entries[name] = entry

    def unregister(self, name: str) -> None:
        """Remove a registered entry. Raises: ConfigError if it is built in or unknown."""
        if name not in self or name in self._builtin:
            raise ConfigError(f"{self.kind} {described(name)} was not registered.")
        del self._entries[name]

    def __getitem__(self, name: str) -> Entry:
        """Look up an entry. Raises: ConfigError naming the known ones."""
        if name not in self:
            known = ", ".join(self)
            raise ConfigError(f"{self.kind} {described(name)}: unknown. Choose one of: {known}.")
        return self._entries[name]

    def __contains__(self, name: object) -> bool:
        if isinstance(name, str) and name not in self._entries:
            load_plugins()
        return isinstance(name, str) and name in self._entries

    def __iter__(self) -> Iterator[str]:
        load_plugins()
        return iter(tuple(self._entries))

    def __len__(self) -> int:
        load_plugins()
        return len(self._entries)


def check_name(kind: str, name: object) -> None:
    """Check the name of an entry.

    Args:
        kind: of the entry, for the message.
    Raises: ConfigError naming what a name may be.
    """
    if (
        not isinstance(name, str)
        or not name.isprintable()
        or not 0 < len(name) <= 100
        or any(c in name for c in "/:=, ")
    ):
        raise ConfigError(
            f"{kind} {described(name)}: a name has no blanks and none "
            "of / : = , and at most 100 characters"
        )


def load_plugins() -> None:
    """Load the entry points of `GROUP` that are not loaded yet.

    Raises: ConfigError naming the plugin that fails.
    """
    for point in _installed(entry_points, tuple(sys.path)):
        key = (point.name, point.value)
        if key not in _loaded:
            _loaded.add(key)
            _load(point)


@lru_cache(maxsize=8)
def _installed(find: Callable[..., Iterable[EntryPoint]], _: tuple[str, ...]) -> list[EntryPoint]:
    """The entry points on a search path; finding them reads every installed package (70 ms)."""
    return list(find(group=GROUP))


def _load(point: EntryPoint) -> None:
    try:
        target = point.load()
        if callable(target):
            target()
    except Exception as error:
        package = point.dist.name if point.dist is not None else point.value
        raise ConfigError(
            f"plugin '{point.name}' of {package} failed: {type(error).__name__}: {error}. "
            "Correct or uninstall it."
        ) from error
