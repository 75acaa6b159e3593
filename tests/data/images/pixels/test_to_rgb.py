"""Large images are converted in strips, to the same bits and in bounded memory."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from lpt.data.images.containers.encoded_image import EncodedImage
from lpt.data.images.decode import ImageError, decode
from lpt.data.images.limits import BYTES_PER_PIXEL
from lpt.data.images.pixels.to_rgb import to_rgb

from ..containers.files import saved

FILE = EncodedImage("PNG", b"")
NOISE = np.random.default_rng(0).integers(0, 256, (1200, 1000, 4), dtype=np.uint8)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "L", "P", "PA", "1", "CMYK", "YCbCr"])
def test_strips_give_the_bits_of_the_whole(mode):
    image = Image.fromarray(NOISE).convert("RGB" if mode == "PA" else "RGBA")
    image = image.convert("P").convert("PA") if mode == "PA" else image.convert(mode)
    if mode == "P":
        image.info["transparency"] = 3
    parts = [image.crop((0, top, 1000, top + 300)) for top in range(0, 1200, 300)]
    whole = np.concatenate([np.asarray(to_rgb(part, FILE, "x")) for part in parts])
    assert np.array_equal(to_rgb(image, FILE, "x"), whole)


@pytest.mark.parametrize(("mode", "word"), [("F", "floats"), ("LAB", "LAB")])
def test_pixels_without_a_range_are_unsupported(mode, word):
    image = Image.new(mode, (4, 4))
    with pytest.raises(ImageError, match=rf"^x: .*{word}.*no defined range") as caught:
        decode(saved(image, "TIFF"), name="x")
    assert caught.value.kind == "unsupported"


_WRITE = """
import io, sys
from PIL import Image
side = 3600
for mode in ("RGBA", "LA", "I;16", "P"):
    options = {"transparency": bytes([9] * 80)} if mode == "P" else {}
    exif = Image.Exif()
    exif[274] = 6
    stream = io.BytesIO()
    Image.new(mode, (side, side)).save(stream, "PNG", compress_level=1, exif=exif, **options)
    with open(f"{sys.argv[1]}/{mode.replace(';', '')}.png", "wb") as file:
        file.write(stream.getvalue())
"""
_PEAK = """
import resource, sys
from pathlib import Path
from lpt.data.images.decode import decode
files = [path.read_bytes() for path in sorted(Path(sys.argv[1]).glob("*.png"))]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for data in files:
    decode(data, name="x")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ru_maxrss in kB")
def test_memory_stays_within_the_bound(tmp_path):
    for script in (_WRITE, _PEAK):
        done = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path)],
            capture_output=True,
            text=True,
            check=True,
        )
    assert int(done.stdout) * 1024 < BYTES_PER_PIXEL * 3600**2 + 40_000_000
