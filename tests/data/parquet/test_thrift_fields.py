"""Structs of Thrift's compact protocol are read, or refused whatever their bytes are."""

import contextlib
import random

import pytest
from tools.fuzz.thrift import field, written

from lpt.data.parquet.thrift_fields import Kind, ThriftError, read_struct, read_varint

TREE = [
    [1, Kind.I32, -7],
    [2, Kind.BINARY, b"abc" * 100],
    [40, Kind.STRUCT, [[1, Kind.I64, -(2**63)], [2, Kind.TRUE, True], [3, Kind.FALSE, False]]],
    [41, Kind.LIST, [Kind.I32, list(range(20))]],
    [42, Kind.LIST, [Kind.STRUCT, [[[1, Kind.BYTE, 3]], []]]],
    [43, Kind.DOUBLE, b"12345678"],
]


def test_what_was_written_is_read() -> None:
    data = written(TREE)
    assert read_struct(data + b"more") == (TREE, len(data))
    assert field(TREE, 40, 1)[2] == -(2**63)


def test_any_part_of_a_struct_is_said_to_be_cut_off() -> None:
    data = written(TREE)
    for end in range(0, len(data), 7):
        with pytest.raises(ThriftError) as found:
            read_struct(data[:end])
        assert found.value.cut_off


def test_any_bytes_are_read_or_refused() -> None:
    for seed in range(2000):
        data = random.Random(seed).randbytes(60)
        with contextlib.suppress(ThriftError):
            assert read_struct(data)[1] <= len(data)


@pytest.mark.parametrize("kind", [Kind.STRUCT, Kind.LIST])
def test_nesting_is_bounded(kind: int) -> None:
    data = (b"\x1c" if kind == Kind.STRUCT else b"\x19" + b"\x19" * 10_000) * 10_000
    with pytest.raises(ThriftError, match=r"nested too deeply|type 9"):
        read_struct(data)


def test_a_number_of_more_than_64_bits_is_refused() -> None:
    assert read_varint(b"\xff" * 9 + b"\x01", 0) == (2**64 - 1, 10)
    with pytest.raises(ThriftError, match="64 bits"):
        read_varint(b"\xff" * 11, 0)
