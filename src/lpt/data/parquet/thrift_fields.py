"""Read a struct of Thrift's compact protocol, in which Parquet writes its headers.

Only bytes that are there are read, so a struct takes no more than a multiple of its bytes.
"""

from typing import Any

from lpt.files.varints import varint_at

__all__ = ["Kind", "ThriftError", "read_struct", "read_varint"]

_DEPTH = 16


class Kind:
    """Types of values."""

    TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)


class ThriftError(Exception):
    """The bytes are not a struct, or a part of it is missing.

    Attributes:
        cut_off: whether more bytes might complete it.
    """

    def __init__(self, reason: str, *, cut_off: bool = False) -> None:
        super().__init__(reason)
        self.cut_off = cut_off


def read_struct(data: bytes, at: int = 0, depth: int = 0) -> tuple[list[list[Any]], int]:
    """Return the struct at a position, and the position of its end.

    Args:
        data: the bytes.
        at: where the struct begins.
        depth: number of structs and lists around it.
    Returns: fields `[number, kind, value]`: integers, bytes, lists of fields, or `[kind, values]`.
    Raises: ThriftError if it is cut off, or nested more than 16 deep.

    >>> read_struct(bytes([0x15, 0x04, 0x00]))
    ([[1, 5, 2]], 3)
    """
    if depth > _DEPTH:
        raise ThriftError("nested too deeply")
    fields: list[list[Any]] = []
    number = 0
    while (head := _byte(data, at)) != 0:
        at += 1
        kind, step = head & 15, head >> 4
        if step:
            number += step
        else:
            number, at = _signed(data, at)
        if kind in (Kind.TRUE, Kind.FALSE):
            value: Any = kind == Kind.TRUE
        else:
            value, at = _value(data, at, kind, depth + 1)
        fields.append([number, kind, value])
    return fields, at + 1


def _value(data: bytes, at: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind in (Kind.TRUE, Kind.FALSE, Kind.BYTE):
        return _byte(data, at), at + 1
    if kind in (Kind.I16, Kind.I32, Kind.I64):
        return _signed(data, at)
    if kind == Kind.DOUBLE:
        return _bytes(data, at, 8)
    if kind == Kind.BINARY:
        length, at = read_varint(data, at)
        return _bytes(data, at, length)
    if kind == Kind.STRUCT:
        return read_struct(data, at, depth)
    if kind in (Kind.LIST, Kind.SET) and depth <= _DEPTH:
        head = _byte(data, at)
        count, at = (head >> 4, at + 1) if head >> 4 < 15 else read_varint(data, at + 1)
        values = []
        for _ in range(count):  # each takes a byte at least, or ends the loop
            value, at = _value(data, at, head & 15, depth + 1)
            values.append(value)
        return [head & 15, values], at
    raise ThriftError(f"a value of the type {kind}")


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number without a sign at a position, and its end. Raises: ThriftError."""
    try:
        return varint_at(data, at)
    except IndexError as error:
        raise ThriftError("it is cut off", cut_off=True) from error
    except ValueError as error:
        raise ThriftError(str(error)) from error


def _signed(data: bytes, at: int) -> tuple[int, int]:
    zigzag, at = read_varint(data, at)
    return (zigzag >> 1) ^ -(zigzag & 1), at


def _byte(data: bytes, at: int) -> int:
    if at >= len(data):
        raise ThriftError("it is cut off", cut_off=True)
    return data[at]


def _bytes(data: bytes, at: int, length: int) -> tuple[bytes, int]:
    if length > len(data) - at:
        raise ThriftError("it is cut off", cut_off=True)
    return data[at : at + length], at + length
