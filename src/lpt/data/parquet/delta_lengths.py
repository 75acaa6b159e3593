"""Bound the number of lengths that a page with delta encoding states inside its data.

`pyarrow` reserves and fills memory for as many lengths as are stated, and without differences
between them, a few bytes hold 2^30.
"""

from lpt.data.parquet.thrift_fields import ThriftError, read_varint

__all__ = ["check_lengths"]


def check_lengths(data: bytes, count: int, *, streams: int) -> None:
    """Check the lengths of texts, which precede them.

    Args:
        data: values of a page, without compression and levels.
        count: number of values of the page.
        streams: 1 for DELTA_LENGTH_BYTE_ARRAY, 2 for DELTA_BYTE_ARRAY: prefixes, then suffixes.
    Raises: ThriftError if there are more lengths than values, or they are cut off.
    """
    at = 0
    for _ in range(streams):
        at = _end(data, at, count)


def _end(data: bytes, at: int, count: int) -> int:
    """The end of a stream of differences, https://parquet.apache.org/docs/file-format/."""
    block, at = read_varint(data, at)
    parts, at = read_varint(data, at)
    total, at = read_varint(data, at)
    _, at = read_varint(data, at)
    if total > count:
        raise ThriftError(f"{total:,} lengths of {count:,} values")
    if not 0 < parts <= block:
        raise ThriftError("blocks of no values")
    left = total - 1
    while left > 0:
        _, at = read_varint(data, at)
        widths, at = data[at : at + parts], at + parts
        if at > len(data):
            raise ThriftError("its lengths are cut off")
        for width in widths:
            if left > 0:
                at += width * (block // parts) // 8
                left -= block // parts
    return at
