"""Tar shards."""

import io
import json
import random
import tarfile
from pathlib import Path

from tools.fuzz.mutations import NUMBERS, TEXTS, any_value, damaged
from tools.fuzz.samples import picture

import lpt

__all__ = ["Shards"]

FORMATS = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)
FIELDS = ((0, 100), (124, 136), (156, 157), (257, 265), (345, 500))
"""Places in a header: name, size, kind, magic, prefix."""


class Shards:
    """Tar files of images with labels of odd types, and damage to headers and file."""

    name = "shards"

    def make(self, rng: random.Random, folder: Path) -> None:
        """Write data.tar."""
        members: list[tuple[str, bytes]] = []
        odd = rng.random() < 0.4
        for number in range(12):
            key = f"{number:04d}"
            if odd and rng.random() < 0.1:
                key = rng.choice(TEXTS).replace("\0", "") or key
            members.append((f"{key}.png", picture(number)))
            members += _labels(rng, key, number % 2, odd=odd)
        if rng.random() < 0.3:
            members.append(("classes.txt", rng.choice([b"ant\nbee\n", b"ant\n", b"\xff", b""])))
        if odd and rng.random() < 0.3:
            rng.shuffle(members)
        data = bytearray(_packed(members, rng.choice(FORMATS)))
        if rng.random() < 0.4:
            _damage_header(rng, data)
        if rng.random() < 0.3:
            data = bytearray(damaged(rng, bytes(data)))
        (folder / "data.tar").write_bytes(data)

    def load(self, folder: Path) -> None:
        """Open the shard and read every image."""
        for split in lpt.open_data(str(folder / "data.tar")).splits.values():
            for index in range(len(split)):
                split.read(index)


def _labels(rng: random.Random, key: str, label: int, *, odd: bool) -> list[tuple[str, bytes]]:
    if not odd or rng.random() < 0.8:
        return [(f"{key}.cls", str(label).encode())]
    if rng.random() < 0.5:
        text = str(rng.choice([*TEXTS, *NUMBERS]))
        return [(f"{key}.cls", text.encode("utf-8", "replace"))]
    value = {"label": rng.choice([label, any_value(rng)]), "label_name": any_value(rng)}
    return [(f"{key}.json", json.dumps(rng.choice([value, {"label": label}])).encode())]


def _packed(members: list[tuple[str, bytes]], kind: int) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=kind) as tar:
        for name, content in members:
            member = tarfile.TarInfo(name if kind != tarfile.USTAR_FORMAT else name[:90])
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def _damage_header(rng: random.Random, data: bytearray) -> None:
    """Change a field of a header, and make its sum right again."""
    places = [at for at in range(0, len(data), 512) if data[at + 257 : at + 262] == b"ustar"]
    at = rng.choice(places)
    low, high = rng.choice(FIELDS)
    value = rng.choice(
        [rng.randbytes(high - low), b"7" * (high - low), bytes(high - low), b"\x80" + b"\xff" * 90]
    )
    if (low, high) == (156, 157):
        value = rng.choice([b"x", b"g", b"L", b"K", b"S", b"5", b"1", b"7", b"A", b"\0"])
    data[at + low : at + high] = value[: high - low].ljust(high - low, b"\0")
    data[at + 148 : at + 156] = b" " * 8
    data[at + 148 : at + 156] = b"%06o\0 " % sum(data[at : at + 512])
