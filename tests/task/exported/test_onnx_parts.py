"""A file of many small parts is refused before protobuf makes objects of them."""

import pytest
from tools.fuzz.thrift import varint

from lpt.task.exported.onnx_parts import PartsError, check_parts


def message(number: int, *parts: bytes) -> bytes:
    data = b"".join(parts)
    return varint(number << 3 | 2) + varint(len(data)) + data


NODE = message(1, b"")
CONSTANT = message(5, message(9, bytes(10_000)), message(8, b"name"))


def test_large_data_of_constants_and_some_thousand_nodes_are_accepted() -> None:
    check_parts(message(7, NODE * 5000, CONSTANT * 1000) + message(14, b"x" * 1000))
    check_parts(b"")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (message(7, NODE * 300_000), "more than 20,000 parts of a kind"),
        (message(7, NODE * 10_001) * 2, "more than 20,000 parts of a kind"),
        (message(7, message(5, b"") * 300_000), "more than 20,000 parts of a kind"),
        (message(7, message(1, message(5, b"") * 1000)), "more than 64 fields of a part"),
        (message(7, message(1, message(5, b"\x4a\0" * 600_000))), "bytes of attributes"),
        (message(7, message(5, message(13, b"") * 1000)), "more than 64 fields of a part"),
        (message(7, message(12, b"") * 30_000), "more than 20,000 parts of a kind"),
        (message(7, message(13, bytes(1000)) * 5000), "bytes beside nodes"),
        (message(14, b"") * 30_000, "more than 20,000 metadata"),
        (message(7, NODE)[:-1], "it is cut off"),
        (b"\x0b", "fields of the type 3"),
        (b"\xff" * 20, "64 bits"),
    ],
)
def test_floods_of_small_parts_are_refused(content: bytes, reason: str) -> None:
    with pytest.raises(PartsError, match=reason):
        check_parts(content)
