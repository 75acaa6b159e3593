"""Image files."""

import io
import random
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin
from tools.fuzz.mutations import damaged

from lpt.data.images.decode import ImageError, decode, read_header
from lpt.data.images.limits import BYTES_PER_PIXEL

__all__ = ["Images"]

KINDS = {
    "PNG": ("RGB", "RGBA", "L", "LA", "P", "1", "I;16"),
    "JPEG": ("RGB", "L", "CMYK"),
    "WEBP": ("RGB", "RGBA"),
    "GIF": ("P", "L"),
    "BMP": ("RGB", "L", "P"),
    "TIFF": ("RGB", "L", "F", "I;16", "CMYK"),
}


class Images:
    """Small pictures of every format and mode, with damage to headers, chunks and pixels."""

    name = "images"

    def make(self, rng: random.Random, folder: Path) -> None:
        """Write one picture."""
        kind = rng.choice(list(KINDS))
        mode = rng.choice(KINDS[kind])
        size = (rng.choice([1, 2, 17, 64]), rng.choice([1, 3, 16, 200]))
        noise = np.frombuffer(rng.randbytes(size[0] * size[1] * 3), np.uint8)
        image = Image.fromarray(noise.reshape(size[1], size[0], 3))
        if mode == "I;16":
            image = Image.fromarray(np.asarray(image.convert("L"), np.uint16) * 257)
        else:
            image = image.convert(mode)
        stream = io.BytesIO()
        options: dict[str, object] = {}
        if kind == "PNG" and rng.random() < 0.3:
            info = PngImagePlugin.PngInfo()
            info.add_text("note", "x" * rng.choice([1, 1000, 2**21]), zip=rng.random() < 0.5)
            options = {"pnginfo": info}
        if kind == "JPEG":
            options = {"progressive": rng.random() < 0.5}
        image.save(stream, kind, **options)
        data = stream.getvalue()
        (folder / "image").write_bytes(damaged(rng, data) if rng.random() < 0.9 else data)

    def load(self, folder: Path) -> None:
        """Decode the picture."""
        decode((folder / "image").read_bytes(), name="image", target=64)

    def stated_bytes(self, folder: Path) -> int:
        """Memory for the pixels that the header states, which are at most the pixel limit."""
        try:
            header = read_header((folder / "image").read_bytes(), name="image")
        except ImageError:
            return 0
        return BYTES_PER_PIXEL * header.width * header.height
