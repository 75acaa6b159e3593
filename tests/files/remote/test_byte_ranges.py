"""A stream over an object reads what a file would."""

import io
import os
from pathlib import Path
from unittest import mock

import fsspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpt.errors import DataError
from lpt.files.remote import byte_ranges
from lpt.files.remote.block_cache import BLOCK

CONTENT = np.random.default_rng(0).bytes(3 * BLOCK + 1000)
URL = "memory://bucket/object"


@pytest.fixture(autouse=True)
def _stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LPT_CACHE", str(tmp_path))
    fsspec.filesystem("memory").pipe_file(URL, CONTENT)
    byte_ranges.forget_blocks()


places = st.integers(0, len(CONTENT) + 10)


@given(
    moves=st.lists(st.tuples(places, st.integers(-1, 2 * BLOCK)), max_size=8),
    parts=st.lists(st.tuples(places, places), max_size=4),
    forgotten=st.booleans(),
)
def test_what_is_read_is_what_a_file_has(
    moves: list[tuple[int, int]], parts: list[tuple[int, int]], forgotten: bool
) -> None:
    stream, file = byte_ranges.RangeStream(URL), io.BytesIO(CONTENT)
    stream.prefetch(parts)
    for at, size in [*((low, high - low) for low, high in parts if low < high), *moves]:
        if forgotten:
            byte_ranges.forget_blocks()
        assert stream.seek(at) == file.seek(at)
        assert stream.read(size) == file.read(size)
        assert stream.tell() == file.tell()
    assert stream.seek(0, os.SEEK_END) == len(CONTENT)


def test_neighbouring_blocks_are_fetched_together_and_once() -> None:
    stream = byte_ranges.RangeStream(URL)
    with mock.patch.object(byte_ranges, "fetch", wraps=byte_ranges.fetch) as fetch:
        for _ in range(2):
            stream.seek(10)
            assert stream.read(2 * BLOCK) == CONTENT[10 : 10 + 2 * BLOCK]
        assert [call.args[1:3] for call in fetch.call_args_list] == [(0, 3 * BLOCK)]
        stream.seek(0)
        stream.read()  # the last block alone is missing
    assert fetch.call_args.args[1:3] == (3 * BLOCK, len(CONTENT))


def test_small_parts_are_fetched_without_their_blocks() -> None:
    stream = byte_ranges.RangeStream(URL)
    with mock.patch.object(byte_ranges, "fetch") as fetch:
        stream.prefetch([(5, 50), (BLOCK + 7, BLOCK + 9)])
        stream.seek(5)
        assert stream.read(20) + stream.read(25) == CONTENT[5:50]
        stream.seek(BLOCK + 7)
        assert stream.read(2) == CONTENT[BLOCK + 7 : BLOCK + 9]
    assert not fetch.called


def test_an_object_that_was_replaced_by_one_of_its_size_is_an_error() -> None:
    stream = byte_ranges.RangeStream(URL)
    fsspec.filesystem("memory").pipe_file(URL, bytes(len(CONTENT)))
    with pytest.raises(DataError, match="memory://bucket/object: damaged: it was changed"):
        stream.read(10)
    with pytest.raises(DataError, match="damaged: it was changed"):
        stream.prefetch([(0, 10)])
