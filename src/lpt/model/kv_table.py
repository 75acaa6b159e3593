"""Keys and values of trained prompts, computed once instead of once per batch.

The tables of all models on one backbone share `BUDGET_BYTES`: those that have not been used for
longest are released first, and computed again when they are needed. Models with equal prompts share
one table. A table is also released with its model.
"""

import threading
from collections.abc import Hashable
from itertools import combinations, permutations
from math import comb
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float, Int
from torch import Tensor

from lpt.backbones.attention import PromptKV
from lpt.backbones.vit import FrozenViT

__all__ = ["BUDGET_BYTES", "PromptTable", "PromptTables", "tables_of"]

LIMIT_BYTES = 2**28
"""Limit on the table of matched prompts. ViT-B with M = 20 and T = 2 needs 70 MB, ViT-T 17 MB."""

BUDGET_BYTES = 2**28
"""Limit on all tables of one backbone together. The table in use is kept, whatever its size."""


class PromptTable:
    """Keys and values of the shared prompts, and of every set that matching can choose.

    Args:
        backbone: whose blocks project the prompts.
        shared: the shared prompts.
        group: the group prompts; None for phase 1 only.
        top: T.
        limit_bytes: no table of matched prompts is made above this size.

    Attributes:
        shared: keys and values of the shared prompts, one entry per block.
        matched: keys and values of the mean of each set of T group prompts, (sets, heads, P,
            head width), one entry per block; None if T > 2 or if the table exceeds the limit.
    """

    def __init__(
        self,
        backbone: FrozenViT,
        shared: Float[Tensor, "L P D"],
        group: Float[Tensor, "M suffix P D"] | None = None,
        top: int = 1,
        *,
        limit_bytes: int = LIMIT_BYTES,
    ) -> None:
        self._top = top
        self._shared = shared.detach().clone()
        self._group = None if group is None else group.detach().clone()
        self.shared = backbone.prompts_kv(shared.detach())
        self.matched: list[PromptKV] | None = None
        self._row: Tensor | None = None
        if group is not None and _bytes(group, top) <= limit_bytes and top <= 2:
            size, blocks = group.shape[:2]
            chosen = torch.tensor(list(combinations(range(size), top)), device=group.device)
            means = group.detach()[chosen].mean(1)
            self.matched = backbone.prompts_kv(means.unbind(1), first=backbone.depth - blocks)
            self._row = torch.zeros((size,) * top, dtype=torch.int64, device=group.device)
            for order in permutations(range(top)):
                self._row[chosen[:, list(order)].unbind(1)] = torch.arange(
                    len(chosen), device=group.device
                )

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors of the table."""
        kv = [
            t for entry in (*self.shared, *(self.matched or ())) for t in (entry.key, entry.value)
        ]
        own = [t for t in (self._shared, self._group, self._row) if t is not None]
        return sum(tensor.nbytes for tensor in (*kv, *own))

    def made_of(
        self,
        shared: Float[Tensor, "L P D"],
        group: Float[Tensor, "M suffix P D"] | None = None,
        top: int | None = None,
    ) -> bool:
        """Whether the table was computed from these prompts, and for this T unless it is None."""
        if top is not None and group is not None and top != self._top:
            return False
        return _same(shared, self._shared) and (
            group is self._group is None
            or (group is not None and self._group is not None and _same(group, self._group))
        )

    def of(self, ids: Int[Tensor, "B T"]) -> list[PromptKV] | None:
        """Look up the keys and values of each image's matched prompts; None without a table."""
        if self.matched is None or self._row is None:
            return None
        rows = self._row[ids.unbind(1)]
        return [PromptKV(kv.key[rows], kv.value[rows]) for kv in self.matched]


class PromptTables:
    """The tables of the models on one backbone, within a budget of bytes.

    Several threads may use one object.

    Args:
        budget_bytes: limit on all tables together.
    """

    def __init__(self, budget_bytes: int = BUDGET_BYTES) -> None:
        self.budget_bytes = budget_bytes
        self._tables: WeakKeyDictionary[Hashable, PromptTable] = WeakKeyDictionary()
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        """Bytes of all tables, shared ones counted once."""
        return sum(table.nbytes for table in set(self._tables.values()))

    def get(
        self,
        owner: Hashable,
        backbone: FrozenViT,
        shared: Float[Tensor, "L P D"],
        group: Float[Tensor, "M suffix P D"] | None,
        top: int,
    ) -> PromptTable:
        """Return the table of some prompts; compute it if no model has an equal one.

        Args:
            owner: the model that needs it. It holds one table, which is released with it.
            backbone: whose blocks project the prompts.
            shared, group, top: as for `PromptTable`.
        """
        with self._lock:
            own = self._tables.get(owner)
            others = list(self._tables.values())
        kept = (t for t in (own, *others) if t is not None and t.made_of(shared, group, top))
        table = next(kept, None) or PromptTable(backbone, shared, group, top)
        with self._lock:
            self._tables.pop(owner, None)  # the last entry is the one used last
            self._tables[owner] = table
            if table is not own:
                self._shrink()
        return table

    def release(self, owner: Hashable) -> None:
        """Release the table of a model, unless another model shares it."""
        with self._lock:
            self._tables.pop(owner, None)

    def _shrink(self) -> None:
        """Release the tables used longest ago until the others, or the last one, are in budget."""
        while len(self._tables) > 1 and self.nbytes > self.budget_bytes:
            oldest = next(iter(self._tables.keys()))
            del self._tables[oldest]


_of_backbone: "WeakKeyDictionary[FrozenViT, PromptTables]" = WeakKeyDictionary()
_creation = threading.Lock()


def tables_of(backbone: FrozenViT) -> PromptTables:
    """Return the tables of the models on a backbone."""
    with _creation:
        return _of_backbone.setdefault(backbone, PromptTables())


def _bytes(group: Tensor, top: int) -> int:
    size = group.shape[0]
    return 2 * comb(size, top) * group[0].numel() * group.element_size()


def _same(one: Tensor, other: Tensor) -> bool:
    alike = one.device == other.device and one.dtype == other.dtype
    return alike and torch.equal(one, other)
