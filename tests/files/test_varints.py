"""Whole numbers of 7 bits per byte."""

import pytest
from tools.fuzz.thrift import varint

from lpt.files.varints import varint_at


@pytest.mark.parametrize("value", [0, 1, 127, 128, 300, 2**32, 2**64 - 1])
def test_what_was_written_is_read(value: int) -> None:
    data = varint(value)
    assert varint_at(b"x" + data + b"more", 1) == (value, 1 + len(data))


def test_a_number_that_is_cut_off_or_too_long_is_refused() -> None:
    with pytest.raises(IndexError):
        varint_at(b"\xff\xff", 0)
    with pytest.raises(ValueError, match="64 bits"):
        varint_at(b"\xff" * 11, 0)
