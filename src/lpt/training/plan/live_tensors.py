"""Bytes of the tensors that exist at once while something is computed."""

import weakref
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

__all__ = ["LiveTensors"]


class LiveTensors(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the tensors that are made within this context, and are still in use. Any device.

    Buffers that a library takes for itself, and memory that an allocator keeps, are not counted.

    Attributes:
        now: bytes in use.
        peak: their highest number.

    >>> import torch
    >>> with LiveTensors() as found:
    ...     kept = torch.zeros(100) + 1
    >>> found.now, found.peak
    (400, 800)
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operator and count its results."""
        given = {_storage(one)._cdata for one in tree_leaves((args, kwargs)) if _is_stored(one)}
        result = func(*args, **(kwargs or {}))
        for one in tree_leaves(result):
            if _is_stored(one) and _storage(one)._cdata not in given:
                self._add(_storage(one))
        return result

    def _add(self, storage: Any) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._known:
            return
        self._known.add(key)
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._drop, key, size)

    def _drop(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.now -= size


def _is_stored(value: Any) -> bool:
    return isinstance(value, Tensor) and value.layout is not None and not value.is_sparse


def _storage(tensor: Tensor) -> Any:
    return tensor.untyped_storage()
