"""Thumbnails: small JPEGs, without images that cannot be decoded."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from lpt.analysis.thumbnails import SIDE, save_thumbnails, thumbnail_file
from lpt.data.image_stores import MemoryStore
from lpt.data.manifest import Split


def test_thumbnails_are_small_and_damaged_images_are_skipped(tmp_path: Path) -> None:
    png = io.BytesIO()
    Image.new("RGB", (4 * SIDE, 2 * SIDE), "red").save(png, "PNG")
    store = MemoryStore("synthetic", (png.getvalue(), b"no image", png.getvalue()))
    split = Split("test", store, np.arange(3), np.zeros(3, dtype=np.int64))
    save_thumbnails(tmp_path, split, [1, 2, 2])
    assert [thumbnail_file(tmp_path, i).is_file() for i in range(3)] == [False, False, True]
    with Image.open(thumbnail_file(tmp_path, 2)) as image:
        assert (image.format, image.size) == ("JPEG", (SIDE, SIDE // 2))
