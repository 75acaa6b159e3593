"""A corpus of 200 files that spoil training, each with the reason for which it must be named."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

KINDS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
SUFFIX = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "BMP": "bmp", "TIFF": "tif", "GIF": "gif"}


def picture(number: int, size: int = 48) -> Image.Image:
    """A smooth random image, like a photograph in that low frequencies dominate."""
    rng = np.random.default_rng(number)
    coarse = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
    fine = rng.integers(0, 60, (size, size, 3))
    smooth = np.asarray(Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC))
    return Image.fromarray(np.clip(smooth * 0.8 + fine, 0, 255).astype(np.uint8))


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def huge_png(side: int) -> bytes:
    """A PNG that claims side x side pixels in a few dozen bytes."""
    body = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    head = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    data = b"IDAT" + zlib.compress(b"\0" * 64)
    tail = struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))
    return b"\x89PNG\r\n\x1a\n" + head + tail


def write_corpus(root: Path) -> dict[str, str]:
    """Write 200 bad files and 12 good ones into class folders; returns reason by file name."""
    reasons: dict[str, str] = {}
    folder = root / "bad"
    folder.mkdir(parents=True)

    def put(name: str, data: bytes, reason: str) -> None:
        (folder / name).write_bytes(data)
        reasons[name] = reason

    for i in range(20):
        put(f"zero-{i}.{SUFFIX[KINDS[i % 6]]}", b"", "empty")
    for i in range(60):  # 10 cuts of each format
        kind = KINDS[i % 6]
        data = encode(picture(i), kind)
        cut = data[: max(int(len(data) * (0.3 + 0.06 * (i // 6))), 40)]
        put(f"cut-{i}.{SUFFIX[kind]}", cut, "damaged")
    for i in range(20):
        text = [b"<html>not found</html>", b"%PDF-1.7\n", b"PK\3\4", b"\0" * 99][i % 4]
        put(f"text-{i}.{SUFFIX[KINDS[i % 6]]}", text + str(i).encode(), "not-image")
    for i in range(10):
        kind = ("ICO", "TGA", "PPM", "PCX", "ICNS")[i % 5]
        size = 32 if kind != "ICNS" else 128
        put(f"foreign-{i}.png", encode(picture(100 + i, size).convert("RGB"), kind), "not-image")
    for i in range(10):
        put(f"bomb-{i}.png", huge_png(20_000 + i), "too-large")
    for i in range(20):
        wrong = KINDS[(i + 1) % 6]
        put(f"named-{i}.{SUFFIX[KINDS[i % 6]]}", encode(picture(200 + i), wrong), "wrong-extension")
    for i in range(20):
        kind = ("GIF", "WEBP", "PNG", "TIFF")[i % 4]
        frames = [picture(300 + 3 * i + k) for k in range(3)]
        data = encode(frames[0], kind, save_all=True, append_images=frames[1:])
        put(f"moving-{i}.{SUFFIX[kind]}", data, "animated")
    for i in range(20):
        put(f"tiny-{i}.png", encode(picture(400 + i, 4 + i % 8), "PNG"), "tiny")
    for i in range(10):
        put(f"copy-{i}.png", encode(picture(500 + i // 2), "PNG"), "identical")
    for i in range(10):
        kind, size = (("JPEG", 48), ("PNG", 96))[i % 2]
        data = encode(picture(600 + i // 2).resize((size, size)), kind)
        put(f"near-{i}.{SUFFIX[kind]}", data, "near-duplicate")
    good = root / "good"
    good.mkdir()
    for i in range(12):
        (good / f"ok-{i}.png").write_bytes(encode(picture(900 + i), "PNG"))
    return reasons
