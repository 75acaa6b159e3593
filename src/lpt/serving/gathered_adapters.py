"""The adapters of a batch of images of several tasks."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from lpt.backbones.blocks.bottleneck import Bottleneck
from lpt.serving.task_tables import TaskTables

__all__ = ["gathered_adapters", "of_rows"]


def gathered_adapters(runs: Sequence[tuple[TaskTables, int]]) -> list[Bottleneck]:
    """Gather the adapters of each image by block, padded with zeros to the widest.

    Args:
        runs: tasks, each with the number of its images, in the order of the batch.
    Returns: one entry per block; [] if no task has adapters. Those of a single task are shared by
        its images.
    """
    widest = max(tables.adapter_width for tables, _ in runs)
    if not widest:
        return []
    padded = [(_padded(tables, widest), images) for tables, images in runs]
    if len(padded) == 1:
        return _by_block(padded[0][0])
    fields = range(len(Bottleneck._fields))
    return _by_block(
        Bottleneck(*(torch.cat([_each(a[f], n) for a, n in padded], dim=1) for f in fields))
    )


def of_rows(adapters: Sequence[Bottleneck], rows: slice | Tensor) -> list[Bottleneck]:
    """Return the adapters of some images of a batch."""
    shared = all(adapter.down.dim() == 2 for adapter in adapters)
    if shared:
        return list(adapters)
    return [Bottleneck(*(tensor[rows] for tensor in adapter)) for adapter in adapters]


def _padded(tables: TaskTables, hidden: int) -> Bottleneck:
    """Return the adapters of all blocks with this number of neurons; further ones add nothing."""
    own, more = tables.adapters, hidden - tables.adapter_width
    return Bottleneck(
        F.pad(own.down, (0, more)),
        F.pad(own.down_bias, (0, more)),
        F.pad(own.up, (0, 0, 0, more)),
        own.up_bias,
    )


def _each(blocks: Tensor, images: int) -> Tensor:
    """Repeat (L, ...) for each image: (L, images, ...)."""
    return blocks.unsqueeze(1).expand(-1, images, *blocks.shape[1:])


def _by_block(adapters: Bottleneck) -> list[Bottleneck]:
    return [Bottleneck(*block) for block in zip(*adapters, strict=True)]
