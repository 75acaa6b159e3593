"""How fast images load, and whether training waits for them."""

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass

from lpt.data.loading import EvalBatches, ImageDataset, make_loader
from lpt.errors import DataError

__all__ = ["LoadingSpeed", "loading_hint", "measure_loading", "render_throughput"]

_WAITING_MATTERS = 0.2
_SECONDS_MATTER = 5.0


@dataclass(frozen=True)
class LoadingSpeed:
    """Images a second with a number of workers, and seconds until the first batch."""

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
    """Load `images` images with each number of workers; reading, decoding and transforms count.

    Images repeat if the split is smaller. The first batch, in which workers start, is timed apart.

    Raises: DataError if the split is smaller than a batch, or holds a bad image.
    """
    if len(dataset) < batch:
        raise DataError(
            f"{len(dataset)} images are fewer than a batch of {batch}. Lower the batch."
        )
    steps = max(images // batch, 2)
    full = [draws for draws in EvalBatches(len(dataset), batch) if len(draws) == batch]
    rates = []
    for number in workers:
        batches = list(itertools.islice(itertools.cycle(full), steps))
        began = time.perf_counter()
        arriving = iter(make_loader(dataset, batches, workers=number, start_method=start_method))
        next(arriving)
        first = time.perf_counter()
        loaded = sum(len(item.ids) for item in arriving)
        rates.append(LoadingSpeed(number, loaded / (time.perf_counter() - first), first - began))
    return tuple(rates)


def render_throughput(rates: Sequence[LoadingSpeed]) -> str:
    """The rates as a plain-text table with ratios to the first row."""
    lines = ["workers  images/s  ratio  first batch"]
    for rate in rates:
        ratio = rate.images_per_second / rates[0].images_per_second
        lines.append(
            f"{rate.workers:>7}  {rate.images_per_second:>8,.0f}  {ratio:>5.2f}  "
            f"{rate.seconds_to_first:>9.2f} s"
        )
    return "\n".join(lines)


def loading_hint(seconds_waiting: float, seconds: float, *, workers: int) -> str | None:
    """Advice if training spends much of its time waiting for images, else None.

    Args:
        seconds_waiting: `Loader.seconds_waiting` of an epoch.
        seconds: duration of that epoch.
        workers: processes that load.
    """
    share = seconds_waiting / seconds if seconds > 0 else 0.0
    if share < _WAITING_MATTERS or seconds_waiting < _SECONDS_MATTER:
        return None
    return (
        f"{share:.0%} of the time went into waiting for images ({workers} workers): use more "
        "workers (setting data.workers), or store the images at a smaller size."
    )
