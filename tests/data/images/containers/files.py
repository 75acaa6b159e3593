"""Image files with odd metadata, made by hand."""

import io
import struct
import zlib

from PIL import Image

__all__ = ["chunk", "jpeg_of_scans", "png_with", "saved", "segment", "tiff", "webp_of_one_colour"]


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def chunk(kind: bytes, body: bytes, *, wrong: bool = False) -> bytes:
    """A chunk of a PNG file; `wrong` gives it a wrong checksum."""
    checksum = zlib.crc32(kind + body) ^ wrong
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


def png_with(data: bytes, *chunks: bytes) -> bytes:
    """Insert chunks after the header of a PNG file."""
    return data[:33] + b"".join(chunks) + data[33:]


def segment(marker: int, body: bytes) -> bytes:
    """A segment of a JPEG file."""
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body


def jpeg_of_scans(side: int, scans: int) -> bytes:
    """A grey progressive JPEG whose scans are almost empty."""
    blocks = (-(-side // 8)) ** 2
    ones, rest = divmod(blocks, 32_767)
    tables = segment(0xDB, b"\0" + b"\1" * 64) + segment(0xC4, b"\0\1" + bytes(15) + b"\0")
    tables += segment(0xC4, b"\x10\1" + bytes(15) + b"\xe0")  # end of band of up to 32,767 blocks
    frame = segment(0xC2, struct.pack(">BHHB", 8, side, side, 1) + b"\1\x11\0")
    first = segment(0xDA, b"\1\1\0\0\0\1") + _bits("0" * blocks)
    runs = ("0" + "1" * 14) * ones + "0" + format(max(rest - 16_384, 0), "014b")
    others = [
        segment(0xDA, b"\1\1\0" + bytes([1 + k % 63, 1 + k % 63, 1])) + _bits(runs)
        for k in range(scans - 1)
    ]
    return b"\xff\xd8" + tables + frame + first + b"".join(others) + b"\xff\xd9"


def tiff(entries: list[tuple[int, int, int, int]], pixels: bytes = b"") -> bytes:
    """A TIFF of tags (tag, type, count, value or offset) in one directory, then pixels."""
    body = b"".join(
        struct.pack("<HHIHH", *e, 0) if e[1] == 3 and e[2] == 1 else struct.pack("<HHII", *e)
        for e in sorted(entries)
    )
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + body + bytes(4) + pixels


def webp_of_one_colour(width: int, height: int) -> bytes:
    """A lossless WebP of 28 bytes."""
    fields = [(0x2F, 8), (width - 1, 14), (height - 1, 14), (0, 1), (0, 3), (0, 3)]
    bits = "".join(format(value, f"0{n}b")[::-1] for value, n in fields) + "1000" * 5
    bits += "0" * (-len(bits) % 16)
    body = bytes(int(bits[i : i + 8][::-1], 2) for i in range(0, len(bits), 8))
    size = struct.pack("<I", len(body))
    return b"RIFF" + struct.pack("<I", 12 + len(body)) + b"WEBPVP8L" + size + body


def _bits(text: str) -> bytes:
    text += "1" * (-len(text) % 8)
    data = bytes(int(text[i : i + 8], 2) for i in range(0, len(text), 8))
    return data.replace(b"\xff", b"\xff\0")
