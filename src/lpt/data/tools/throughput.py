"""Measure how fast images load, and tell whether training waits for them."""

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass

from lpt.data.loading import EvalBatches, ImageDataset, make_loader
from lpt.errors import DataError
from lpt.progress import plural

__all__ = ["LoadingSpeed", "loading_hint", "measure_loading", "render_throughput"]

_WAITING_MATTERS = 0.2
_SECONDS_MATTER = 5.0


@dataclass(frozen=True)
class LoadingSpeed:
    """Images per second with a number of workers, and seconds until the first batch."""

    workers: int
    images_per_second: float
    seconds_to_first: float


def measure_loading(
    dataset: ImageDataset,
    *,
    workers: Sequence[int] = (0, 1, 2),
    batch: int = 64,
    images: int = 2_000,
    start_method: str | None = None,
) -> tuple[LoadingSpeed, ...]:
    """Time the loading of images (reading, decoding, transforms) for each number of workers.

    The first batch, for which workers start, is timed separately.

    Args:
        dataset: the images.
        workers: numbers of workers to compare.
        batch: images per batch.
        images: images to load per number of workers; they repeat if the split has fewer.
        start_method: fork, spawn or forkserver; None takes the platform's default.
    Raises: DataError if the split is smaller than a batch, or has a bad image.
    """
    if len(dataset) < batch:
        raise DataError(
            f"{len(dataset)} images are fewer than a batch of {batch}. Choose a smaller batch."
        )
    steps = max(images // batch, 2)
    full = [draws for draws in EvalBatches(len(dataset), batch) if len(draws) == batch]
    speeds = []
    for number in workers:
        batches = list(itertools.islice(itertools.cycle(full), steps))
        began = time.perf_counter()
        arriving = iter(make_loader(dataset, batches, workers=number, start_method=start_method))
        next(arriving)
        first = time.perf_counter()
        loaded = sum(len(item.ids) for item in arriving)
        speeds.append(LoadingSpeed(number, loaded / (time.perf_counter() - first), first - began))
    return tuple(speeds)


def render_throughput(speeds: Sequence[LoadingSpeed]) -> str:
    """Render the speeds as a table, with ratios to the first row."""
    lines = ["workers  images/s  ratio  first batch"]
    for speed in speeds:
        ratio = speed.images_per_second / speeds[0].images_per_second
        lines.append(
            f"{speed.workers:>7}  {speed.images_per_second:>8,.0f}  {ratio:>5.2f}  "
            f"{speed.seconds_to_first:>9.2f} s"
        )
    return "\n".join(lines)


def loading_hint(seconds_waiting: float, seconds: float, *, workers: int) -> str | None:
    """Advise if an epoch spends much of its time waiting for images; None if it does not.

    Args:
        seconds_waiting: time spent waiting for images.
        seconds: duration of the epoch.
        workers: number of processes that load images.
    """
    share = seconds_waiting / seconds if seconds > 0 else 0.0
    if share < _WAITING_MATTERS or seconds_waiting < _SECONDS_MATTER:
        return None
    return (
        f"waiting for images took {share:.0%} of the time ({plural(workers, 'worker')}): "
        "use more workers (setting data.workers), or store smaller images."
    )
