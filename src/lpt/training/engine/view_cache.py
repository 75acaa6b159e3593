"""A disk cache of a stage's frozen half for V fixed views of every training image.

An epoch of phase 2 then runs only the last L-K blocks: the tokens after block K and the query are
constant while the shared prompts are. The cache serves any stage and stores the tensors that its
`frozen` returns.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lpt.data.loading import Draw
from lpt.errors import ConfigError, RunError, TrainingError
from lpt.machine.group.process_group import ALONE, ProcessGroup
from lpt.progress import Reporter, plural
from lpt.training.engine.loop import Source
from lpt.training.engine.sampling_plan import EpochPlan
from lpt.training.engine.stage import Inputs, Stage
from lpt.training.engine.view_files import (
    JoinedRows,
    StoredRows,
    ViewFiles,
    ViewLayout,
    part_of,
    remove_others,
)

__all__ = ["NoRoomError", "ViewCache", "build_cache"]

FILL_BATCH = 32
SAVE_EVERY = 16
"""Batches between two marks from which an interrupted computation resumes."""
FREE_BYTES = 2**28
"""Free disk space that is never used."""
MIN_VIEWS = 2
"""A single view of each image would mean training without augmentation."""


class NoRoomError(Exception):
    """The cache would exceed its limit or the free disk space; nothing was computed.

    Attributes:
        views: number of views per image that would fit; 0 if fewer than `MIN_VIEWS`.
    """

    def __init__(self, views: int, reason: str) -> None:
        super().__init__(reason)
        self.views = views if views >= MIN_VIEWS else 0


@dataclass(frozen=True)
class ViewCache:
    """A `Source` for the loop that reads inputs of the stage from files.

    Attributes:
        folder: folder of the files.
        labels: (n,) labels of the training images.
        tensors: rows (V * n, ...) by name of the tensor; row `view * n + index`.
    """

    folder: Path
    labels: npt.NDArray[np.int64]
    tensors: Mapping[str, StoredRows | JoinedRows]

    def __call__(self, steps: Iterator[list[Draw]]) -> Iterator[tuple[Inputs, Tensor]]:
        """Yield (inputs, labels) of each step, in float32, exactly in the order of the draws."""
        for draws in steps:
            images = np.array([draw.index for draw in draws])
            rows = np.array([_view(draw) for draw in draws]) * len(self.labels) + images
            yield (
                {name: torch.from_numpy(t.read(rows)).float() for name, t in self.tensors.items()},
                torch.from_numpy(self.labels[images]),
            )

    @property
    def bytes(self) -> int:
        """Size on disk in bytes."""
        return sum(stored.bytes for stored in self.tensors.values())

    def remove(self) -> None:
        """Delete the files; they can be computed again."""
        shutil.rmtree(self.folder)


def build_cache(
    folder: Path,
    stage: Stage,
    plan: EpochPlan,
    images: Source,
    upstream: Mapping[str, Any],
    reporter: Reporter,
    *,
    dtype: str,
    limit_gb: float,
    device: torch.device | str = "cpu",
    autocast: Callable[[], AbstractContextManager[object]] = nullcontext,
    group: ProcessGroup = ALONE,
) -> ViewCache:
    """Compute `stage.frozen` for all views of all images, or reuse an existing cache.

    The views are those of `plan.view_of`, so a plan with `views=V` draws exactly these. Tokens,
    (images, tokens, width), are stored in `dtype`; other tensors, such as the query, in float32. An
    interrupted computation resumes at its last mark. Files with another fingerprint (`upstream`,
    seed, V, types, shapes) are computed again.

    Mixup blends images before the first block, so cached tokens cannot be blended: a stage with
    Mixup is an error.

    Args:
        folder: folder of this stage's files; created if missing.
        plan: its `labels` and `views` determine the rows.
        images: turns draws into {"images": (B, 3, H, H)}, augmented by the draw's key.
        upstream: everything else that the frozen half depends on, as JSON: hashes of backbone and
            shared prompts, transform settings, identity of the data.
        dtype: float32 or float16, for tokens.
        limit_gb: largest size on disk in GB.
        device, autocast: device and precision of the frozen half.
        group: the processes that share the rows. Each writes files of its own; all read all.
    Raises: NoRoomError if it would exceed the limit or the free disk space; ConfigError if the
        stage uses Mixup; RunError if writing fails; TrainingError if values exceed `dtype`.
    """
    if stage.mixup:
        raise ConfigError(
            f"augment.mixup={stage.mixup:g}: blended images cannot be cached. "
            "Set phase2.cached_views=0 or augment.mixup=0."
        )

    def frozen(inputs: Inputs) -> Inputs:
        with torch.inference_mode(), autocast():
            return stage.frozen(inputs["images"].to(device))

    first, _ = next(iter(images(iter([[plan.view_of(0, 0)]]))))
    layout = {name: ViewLayout.of(value, dtype) for name, value in frozen(first).items()}
    rows = len(plan.labels) * plan.views
    size = rows * sum(part.bytes for part in layout.values())
    group.decided(lambda: remove_others(folder, group.size))
    share = group.share(rows)
    store = ViewFiles(part_of(folder, group.rank, group.size), layout)
    fingerprint = _fingerprint(stage, plan, upstream, layout)
    done = min(store.open(fingerprint, reporter), share.stop - share.start)
    shape = f"{plural(plan.views, 'view')} of {plural(len(plan.labels), 'image')}"
    done_by_all = sum(map(int, group.to_main(str(done).encode())))

    def lack() -> tuple[int, str] | None:
        """How many views there is room for, and why no more; None if there is room for all."""
        free = shutil.disk_usage(folder).free + done_by_all * size // max(rows, 1) - FREE_BYTES
        room = min(limit_gb * 1e9, free)
        if done_by_all == rows or size <= room:
            return None
        bound = f"the limit of {limit_gb:g} GB" if size > limit_gb * 1e9 else "the free disk space"
        reason = f"{shape} need {size / 1e9:.2f} GB, more than {bound}"
        return int(room * plan.views // size), reason

    if lacking := group.decided(lack):
        raise NoRoomError(*lacking)
    reporter.message(f"cache     {shape}, {size / 1e9:.2f} GB in {folder}")
    own = range(share.start + done, share.stop)
    if own:
        reporter.begin("cache", share.stop - share.start, done, unit="views")
        try:
            _fill(store, fingerprint, plan, images, frozen, own, done, reporter)
        finally:
            reporter.end()
    group.wait()  # until all rows are there
    shares = [group.share_of(rank, rows) for rank in range(group.size)]
    parts = [
        ViewFiles(part_of(folder, rank, group.size), layout).rows(one.stop - one.start)
        for rank, one in enumerate(shares)
    ]
    if group.size == 1:
        return ViewCache(folder, plan.labels, parts[0])
    joined = {name: JoinedRows([part[name] for part in parts]) for name in layout}
    return ViewCache(folder, plan.labels, joined)


def _fill(
    store: ViewFiles,
    fingerprint: Mapping[str, Any],
    plan: EpochPlan,
    images: Source,
    frozen: Callable[[Inputs], Inputs],
    rows: range,
    done: int,
    reporter: Reporter,
) -> None:
    """Compute rows, after the first `done` of the store."""
    count = len(plan.labels)
    parts = [rows[i : i + FILL_BATCH] for i in range(0, len(rows), FILL_BATCH)]
    batches = ([plan.view_of(r % count, r // count) for r in part] for part in parts)
    try:
        with ExitStack() as stack:
            files = {}
            for name, part in store.layout.items():
                files[name] = stack.enter_context(store.writable(name))
                files[name].truncate(done * part.bytes)
                files[name].seek(done * part.bytes)
            for number, (inputs, labels) in enumerate(images(batches), start=1):
                for name, value in frozen(inputs).items():
                    stored = value.to("cpu", getattr(torch, store.layout[name].dtype))
                    if not stored.isfinite().all():
                        raise TrainingError(
                            f"cache: {name} exceed the range of {store.layout[name].dtype}. "
                            "Set phase2.cache_dtype=float32, or phase2.cached_views=0."
                        )
                    files[name].write(stored.contiguous().numpy().tobytes())
                done += len(labels)
                reporter.advance(len(labels))
                if number % SAVE_EVERY == 0 or number == len(parts):
                    for file in files.values():
                        file.flush()
                        os.fsync(file.fileno())
                    store.write_mark(fingerprint, done)
    except OSError as error:
        raise RunError(
            f"{store.folder}: the cache cannot be written ({error.strerror or error}). "
            "Free some space, or set phase2.cached_views=0, and resume the run."
        ) from error


def _fingerprint(
    stage: Stage, plan: EpochPlan, upstream: Mapping[str, Any], layout: Mapping[str, ViewLayout]
) -> dict[str, Any]:
    """Everything that determines the contents, as JSON reads it back."""
    facts = {
        **upstream,
        "stage": stage.name,
        "seed": plan.seed,
        "views": plan.views,
        "images": len(plan.labels),
        "tensors": {name: [part.dtype, *part.shape] for name, part in layout.items()},
    }
    result: dict[str, Any] = json.loads(json.dumps(facts))
    return result


def _view(draw: Draw) -> int:
    """Return the view number of a draw of `EpochPlan.view_of`."""
    return draw.key[2]
