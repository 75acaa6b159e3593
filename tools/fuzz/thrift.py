"""Write Thrift's compact protocol, to change what a Parquet file states about itself.

The trees are those that `lpt.data.parquet.thrift_fields` reads; any tree can be written, however
wrong its numbers are.
"""

import struct
from typing import Any

from lpt.data.parquet.thrift_fields import Kind, read_struct

__all__ = ["field", "split_footer", "varint", "with_footer", "written"]


def split_footer(data: bytes) -> tuple[list[Any], bytes]:
    """Return the footer of a sound Parquet file, and what lies before it."""
    (length,) = struct.unpack("<I", data[-8:-4])
    return read_struct(data[-8 - length : -8])[0], data[: -8 - length]


def with_footer(body: bytes, footer: list[Any]) -> bytes:
    """Return a Parquet file."""
    text = written(footer)
    return body + text + struct.pack("<I", len(text)) + b"PAR1"


def field(tree: list[Any], *numbers: int) -> list[Any]:
    """Return the field that is reached by these numbers, one struct inside the other."""
    for number in numbers[:-1]:
        tree = field(tree, number)[2]
    return next(found for found in tree if found[0] == numbers[-1])


def written(fields: list[Any]) -> bytes:
    """Return the bytes of a struct."""
    out = bytearray()
    before = 0
    for number, stated, value in fields:
        truth = stated in (Kind.TRUE, Kind.FALSE)
        kind = (Kind.TRUE if value else Kind.FALSE) if truth else stated
        if 0 < number - before < 16:
            out.append((number - before) << 4 | kind)
        else:
            out += bytes([kind]) + _signed(number)
        before = number
        if not truth:
            out += _value(kind, value)
    return bytes(out) + b"\0"


def _value(kind: int, value: Any) -> bytes:
    if kind in (Kind.TRUE, Kind.FALSE, Kind.BYTE):
        return bytes([value])
    if kind in (Kind.I16, Kind.I32, Kind.I64):
        return _signed(value)
    if kind == Kind.DOUBLE:
        return bytes(value)
    if kind == Kind.BINARY:
        return varint(len(value)) + bytes(value)
    if kind == Kind.STRUCT:
        return value if isinstance(value, bytes) else written(value)
    inner, values = value
    few = len(values) < 15
    head = bytes([len(values) << 4 | inner]) if few else bytes([240 | inner]) + varint(len(values))
    return head + b"".join(_value(inner, one) for one in values)


def _signed(value: int) -> bytes:
    return varint(((value << 1) ^ (value >> 63)) & (2**64 - 1))


def varint(value: int) -> bytes:
    """Return a number without a sign as Thrift writes it."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])
