"""Sound Parquet files in which numbers and texts of headers are changed."""

import random
from collections.abc import Iterator
from typing import Any

from tools.fuzz.lying_parquet import first_page, moved
from tools.fuzz.thrift import field, split_footer, with_footer, written

from lpt.data.parquet.thrift_fields import Kind

__all__ = ["damaged_footer", "damaged_page"]

_NUMBERS = (0, 1, -1, 7, 255, 2**20, 2**31 - 1, 2**31, 2**40, 2**62, -(2**63))
_WHOLE = (Kind.I16, Kind.I32, Kind.I64)


def damaged_footer(rng: random.Random, data: bytes) -> bytes:
    """Change numbers and texts in the footer of a sound file."""
    footer, body = split_footer(data)
    _damage(rng, footer)
    return with_footer(body, footer)


def damaged_page(rng: random.Random, data: bytes) -> bytes:
    """Change numbers in the header of a page of a sound file."""
    footer, body = split_footer(data)
    chunk = rng.choice(field(rng.choice(field(footer, 4)[2][1]), 1)[2][1])
    header, page = first_page(chunk, body)
    _damage(rng, header)
    return with_footer(moved(chunk, body, written(header) + page), footer)


def _damage(rng: random.Random, tree: list[Any]) -> None:
    places = list(_places(tree))
    for _ in range(rng.choice([1, 1, 2, 4])):
        place, key = rng.choice(places)
        value = place[key]
        if isinstance(value, bytes):
            place[key] = rng.choice([b"", b"x", b"image", value * 2, rng.randbytes(9)])
        else:
            near = [value - 1, value + 1, value * 2, -value]
            place[key] = max(min(rng.choice([*near, *_NUMBERS]), 2**63 - 1), -(2**63))


def _places(struct: list[Any]) -> Iterator[tuple[list[Any], int]]:
    """Where numbers and texts are in a struct."""
    for part in struct:
        _, kind, value = part
        if kind in (*_WHOLE, Kind.BINARY):
            yield part, 2
        elif kind == Kind.STRUCT:
            yield from _places(value)
        elif kind == Kind.LIST and value[0] == Kind.STRUCT:
            for one in value[1]:
                yield from _places(one)
        elif kind == Kind.LIST:
            yield from ((value[1], key) for key in range(len(value[1])))
