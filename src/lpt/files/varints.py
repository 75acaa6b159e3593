"""Whole numbers of 7 bits per byte, as Thrift and protobuf write them."""

__all__ = ["varint_at"]

_MOST = 10  # bytes of the longest number


def varint_at(data: bytes, at: int) -> tuple[int, int]:
    """Return the number at a position, and the position of its end.

    Raises: IndexError if it is cut off; ValueError if it has more than ten bytes.

    >>> varint_at(bytes([0xAC, 0x02]), 0)
    (300, 2)
    """
    result = 0
    for place in range(_MOST):
        byte = data[at + place]
        result |= (byte & 127) << 7 * place
        if byte < 128:
            return result, at + place + 1
    raise ValueError("a number of more than 64 bits")
