"""A stream over an object that fetches blocks of it, and keeps those used last."""

import io
import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from lpt.files.remote.block_cache import BLOCK, keep_block, kept_block
from lpt.files.remote.object_storage import Range, State, fetch, fetch_ranges, state_of

__all__ = ["RangeStream", "forget_blocks"]

_MOST_BLOCKS = 64  # in memory
_LARGEST = 32  # blocks of one request
_SMALL = BLOCK // 2  # bytes of a part that is fetched without the rest of its blocks
_TOGETHER = 64  # such parts at the same time
_MOST_PARTS = 2**26  # bytes of such parts in memory

_Key = tuple[str, State, int]


class RangeStream(io.RawIOBase):
    """The bytes of an object at random access, in blocks of 1 MB.

    Neighbouring blocks are fetched in one request. Blocks used last are kept in memory (64 MB for
    all streams of a process), the others in the cache folder.

    Args:
        url: the address.
    Raises: DataError if there is no such object; when reading, if it was changed since.
    """

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url, self._state, self._at = url, state_of(url), 0

    @property
    def size(self) -> int:
        """Bytes of the object."""
        return self._state[0]

    def readable(self) -> bool:
        """Whether it can be read: yes."""
        return True

    def seekable(self) -> bool:
        """Whether it has places: yes."""
        return True

    def tell(self) -> int:
        """The place of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a place; fetches nothing."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        if start + offset < 0:
            raise ValueError("a place before the start")
        self._at = start + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer. Raises: DataError."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def read(self, size: int | None = -1) -> bytes:
        """Read bytes; all that are left for -1. Raises: DataError."""
        end = self.size if size is None or size < 0 else min(self._at + size, self.size)
        if end <= self._at:
            return b""
        part = _MEMORY.part((self._url, self._state), self._at, end)
        if part is not None:
            self._at = end
            return part
        first, last = self._at // BLOCK, (end - 1) // BLOCK
        parts: list[bytes] = []
        for low in range(first, last + 1, _LARGEST):  # no more at once than the memory keeps
            parts += self._blocks(low, min(low + _LARGEST, last + 1))
        data = b"".join(parts)
        data = data[self._at - first * BLOCK : end - first * BLOCK]
        self._at = end
        return data

    def prefetch(self, ranges: Sequence[Range]) -> None:
        """Fetch parts that will be read, in as few requests as possible.

        Small parts of a large object are fetched as they are, many at the same time; large ones as
        the blocks that hold them.

        Args:
            ranges: the parts; one that is not within the object is left out.
        Raises: DataError.
        """
        parts = [(low, high) for low, high in ranges if 0 <= low < high <= self.size]
        small = [part for part in parts if part[1] - part[0] <= _SMALL]
        if self.size <= BLOCK or len(small) < len(parts) or self._all_kept(small):
            for start, end in parts:
                for low in range(start // BLOCK, (end - 1) // BLOCK + 1, _LARGEST):
                    self._blocks(low, min(low + _LARGEST, (end - 1) // BLOCK + 1))
            return
        for first in range(0, len(small), _TOGETHER):
            some = small[first : first + _TOGETHER]
            for part, data in zip(some, fetch_ranges(self._url, some, self._state), strict=True):
                _MEMORY.put_part((self._url, self._state), part, data)

    def _all_kept(self, parts: Sequence[Range]) -> bool:
        numbers = {n for low, high in parts for n in range(low // BLOCK, (high - 1) // BLOCK + 1)}
        return len(numbers) <= _MOST_BLOCKS and all(self._kept(n) is not None for n in numbers)

    def _blocks(self, low: int, high: int) -> list[bytes]:
        """Blocks from `low` to `high`; those that follow one another are fetched together."""
        found = {number: self._kept(number) for number in range(low, high)}
        lacking = [number for number in range(low, high) if found[number] is None]
        while lacking:
            run = [n for place, n in enumerate(lacking) if n == lacking[0] + place]
            lacking = lacking[len(run) :]
            start, end = run[0] * BLOCK, min((run[-1] + 1) * BLOCK, self.size)
            data = fetch(self._url, start, end, self._state)
            for place, number in enumerate(run):
                block = data[place * BLOCK : (place + 1) * BLOCK]
                found[number] = block
                _MEMORY.put((self._url, self._state, number), block)
                keep_block(self._url, self._state, number, block)
        return [block for block in found.values() if block is not None]

    def _kept(self, number: int) -> bytes | None:
        key = (self._url, self._state, number)
        block = _MEMORY.get(key)
        if block is None:
            size = min(BLOCK, self.size - number * BLOCK)
            block = kept_block(self._url, self._state, number, size)
            if block is not None:
                _MEMORY.put(key, block)
        return block


class _Blocks:
    """Blocks and smaller parts in memory; a forked process starts without."""

    _held: int  # bytes of the parts

    def __init__(self) -> None:
        self._start()

    def get(self, key: _Key) -> bytes | None:
        if self._pid != os.getpid():  # a fork may have copied a held lock
            self._start()
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, key: _Key, block: bytes) -> None:
        if self._pid != os.getpid():
            self._start()
        with self._lock:
            self._kept[key] = block
            self._kept.move_to_end(key)
            while len(self._kept) > _MOST_BLOCKS:
                self._kept.popitem(last=False)

    def part(self, file: tuple[str, State], start: int, end: int) -> bytes | None:
        """Bytes of a file, if a part that was put holds them."""
        if self._pid != os.getpid():
            self._start()
        with self._lock:
            found = self._parts.get(file, {})
            low = self._last.get(file, start)
            for begin in (start, low):  # a part is read from its start, then further on
                data = found.get(begin)
                if data is not None and begin <= start and end <= begin + len(data):
                    self._last[file] = begin
                    return data[start - begin : end - begin]
        return None

    def put_part(self, file: tuple[str, State], part: Range, data: bytes) -> None:
        if self._pid != os.getpid():
            self._start()
        with self._lock:
            self._held += len(data)
            if self._held > _MOST_PARTS:
                self._parts.clear()
                self._held = len(data)
            self._parts.setdefault(file, {})[part[0]] = data

    def clear(self) -> None:
        self._start()

    def _start(self) -> None:
        self._pid, self._lock = os.getpid(), threading.Lock()
        self._kept: OrderedDict[_Key, bytes] = OrderedDict()
        self._parts: dict[tuple[str, State], dict[int, bytes]] = {}
        self._last: dict[tuple[str, State], int] = {}
        self._held = 0


_MEMORY = _Blocks()


def forget_blocks() -> None:
    """Forget the blocks in memory; those on disk stay."""
    _MEMORY.clear()
