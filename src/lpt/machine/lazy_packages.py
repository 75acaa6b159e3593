"""Packages of others whose `__init__` runs when something asks for it.

timm imports all of its models, torchvision all of its own, and both import torch's compiler. That
takes more than a second, and a prediction needs one module of timm. A lazy package is complete all
the same: its modules can be imported, and any other name of it runs its `__init__` first.
"""

import sys
import threading
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

__all__ = ["VISION_PACKAGES", "make_lazy"]

VISION_PACKAGES: Mapping[str, Mapping[str, str]] = {
    "timm": {"__version__": "timm.version"},
    "timm.models": {},
    "torchvision": {"transforms": "torchvision.transforms"},
    "torchvision.models": {},
    "torchvision.ops": {},
}
"""Packages that a ViT needs little of, and where the names that their own modules ask for are."""

_running = threading.RLock()


def make_lazy(packages: Mapping[str, Mapping[str, str]]) -> None:
    """Let packages run their `__init__` late; for a program, not for a library.

    Packages that are imported already stay as they are.

    Args:
        packages: for each, names that do not need its `__init__`, and the module that each is in,
            or that it is.
    """
    sys.meta_path.insert(0, _Finder(packages))


class _Finder(MetaPathFinder):
    def __init__(self, packages: Mapping[str, Mapping[str, str]]) -> None:
        self._packages = packages

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in self._packages:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Waiting(spec.loader, self._packages[name])
        return spec


class _Waiting(Loader):
    """Leaves the `__init__` of a package to its first use."""

    def __init__(self, own: Loader, homes: Mapping[str, str]) -> None:
        self.own, self.homes = own, homes

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.own.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__class__ = _LazyPackage
        vars(module)["_waiting"] = self


class _LazyPackage(ModuleType):
    """A package before its `__init__` has run."""

    _waiting: _Waiting | None

    def __getattr__(self, name: str) -> Any:  # called for names that are missing
        with _running:  # other threads wait for the `__init__`
            waiting = self._waiting
            if waiting is None:  # it runs now, in this thread, or has run
                return ModuleType.__getattribute__(self, name)
            home = waiting.homes.get(name)
            if home is not None:
                module = import_module(home)
                return module if home == f"{self.__name__}.{name}" else getattr(module, name)
            self._run(waiting)
        return getattr(self, name)

    def _run(self, waiting: _Waiting) -> None:
        spec = self.__spec__
        assert spec is not None
        self._waiting, spec.loader, self.__loader__ = None, waiting.own, waiting.own
        try:
            waiting.own.exec_module(self)
        except BaseException:
            self._waiting, spec.loader = waiting, waiting  # the next use tries again
            raise
        object.__setattr__(self, "__class__", ModuleType)  # a plain module from now on
