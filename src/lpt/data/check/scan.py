"""Read every image of a data set once, in parallel, and collect facts about it."""

import hashlib
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lpt.data.check.fact_cache import FactCache
from lpt.data.check.facts import FACTS, Facts
from lpt.data.check.fingerprint import fingerprint
from lpt.data.images.decode import FORMATS, ImageError, decode, read_header
from lpt.data.images.limits import pixel_limit
from lpt.data.manifest import Split
from lpt.errors import DataError
from lpt.machine.processes import usable_workers

__all__ = ["Scan", "check_workers", "scan_images"]

_CHUNK = 128
_THUMBNAIL = 64


@dataclass(frozen=True)
class Scan:
    """Facts of all images of a data set.

    Attributes:
        facts: (n,) records, split by split.
        problems: index in `facts` -> kind and message, for each image that cannot be used.
    """

    facts: Facts
    problems: dict[int, tuple[str, str]]


def check_workers() -> int:
    """Return the number of processes that read images for a check: one per core, up to 8."""
    return min(8, os.cpu_count() or 1)


def scan_images(
    splits: Sequence[Split],
    *,
    workers: int = 2,
    start_method: str | None = None,
    cache: Path | None = None,
    max_pixels: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Scan:
    """Read and decode every image.

    Memory grows by about 330 bytes per image, whatever its size. Images whose content is in the
    cache are read and hashed, but not decoded.

    Args:
        splits: the images.
        workers: processes that read images; 0 reads in this process. No more are started than
            there is work for.
        start_method: fork, spawn or forkserver; None takes the platform's default.
        cache: folder that keeps facts of images by content; None caches nothing.
        max_pixels: images with more pixels are reported instead of decoded; None takes the limit
            of each split.
        progress: called with the number of images done and their total.
    Raises: DataError if a worker was killed.
    """
    known = FactCache(cache)
    total = sum(map(len, splits))
    facts: Facts = np.zeros(total, dtype=FACTS)
    problems: dict[int, tuple[str, str]] = {}
    done = 0
    for rows, bad in _results(splits, known, workers, start_method, max_pixels):
        facts[done : done + len(rows)] = rows
        problems.update({done + index: problem for index, problem in bad.items()})
        done += len(rows)
        if progress is not None:
            progress(done, total)
    known.add(facts[np.array([i not in problems for i in range(total)], dtype=np.bool_)])
    return Scan(facts, problems)


_Result = tuple[Facts, dict[int, tuple[str, str]]]


@dataclass(frozen=True)
class _Reader:
    """Everything that a process needs to examine images."""

    splits: Sequence[Split]
    known: FactCache
    max_pixels: int | None

    def chunk(self, task: tuple[int, int, int]) -> _Result:
        """Examine images first..last of a split."""
        number, first, last = task
        split = self.splits[number]
        facts: Facts = np.zeros(last - first, dtype=FACTS)
        problems = {}
        for index in range(first, last):
            try:
                data = split.read(index)
                digest = np.frombuffer(hashlib.sha256(data).digest()[:16], dtype=np.uint64)
                facts[index - first]["digest"] = digest
                facts[index - first] = self._examined(data, digest, split, index)
            except DataError as error:
                kind = error.kind if isinstance(error, ImageError) else "missing"
                problems[index - first] = (kind, str(error))
        return facts, problems

    def _examined(
        self, data: bytes, digest: npt.NDArray[np.uint64], split: Split, index: int
    ) -> np.void:
        limit = pixel_limit(split.max_pixels if self.max_pixels is None else self.max_pixels)
        seen = self.known.get(digest)
        if seen is not None and int(seen["width"]) * int(seen["height"]) <= limit:
            return seen
        name = split.name_of(index)
        header = read_header(data, name=name, max_pixels=limit)
        image = decode(data, name=name, max_pixels=limit, target=_THUMBNAIL)
        row: np.void = np.zeros(1, dtype=FACTS)[0]
        row["digest"] = digest
        row["format"] = FORMATS.index(header.kind)
        row["animated"] = header.animated
        row["width"], row["height"] = header.width, header.height
        row["contrast"] = np.ptp(np.array(image.getextrema()), axis=1).max()
        row["print"] = fingerprint(image)
        return row


_reader: _Reader | None = None


def _start(reader: _Reader) -> None:
    global _reader
    _reader = reader


def _work(task: tuple[int, int, int]) -> _Result:
    if _reader is None:
        raise RuntimeError("the pool was started without a reader")
    return _reader.chunk(task)


def _results(
    splits: Sequence[Split],
    known: FactCache,
    workers: int,
    start_method: str | None,
    max_pixels: int | None,
) -> Iterator[_Result]:
    reader = _Reader(splits, known, max_pixels)
    tasks = [
        (number, first, min(first + _CHUNK, len(split)))
        for number, split in enumerate(splits)
        for first in range(0, len(split), _CHUNK)
    ]
    workers = usable_workers(min(workers, len(tasks)), start_method)
    if workers == 0:
        yield from map(reader.chunk, tasks)
        return
    context = multiprocessing.get_context(start_method)
    try:
        with ProcessPoolExecutor(workers, context, _start, (reader,)) as pool:
            yield from pool.map(_work, tasks)
    except BrokenProcessPool as error:
        raise DataError(
            "a worker that reads images was killed, or ran out of memory. "
            "Use fewer workers (0 reads images in the main process)."
        ) from error
