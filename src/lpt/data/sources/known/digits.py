"""Handwritten digits bundled with scikit-learn, made long-tailed; needs no download."""

import io

import numpy as np
from PIL import Image

from lpt.data.image_stores import MemoryStore
from lpt.data.longtail import profile_counts
from lpt.data.sources.listing import Listing
from lpt.random_streams import random_stream

__all__ = ["read_digits"]

_SIZE = 64
_TEST_PER_CLASS = 30


def read_digits(*, seed: int, imbalance: float) -> Listing:
    """Read a long tail of 1,797 scans (8 x 8) of ten digits; 0 is the most frequent class.

    The test split has 30 images per class. Of the others, class i keeps
    floor(144 * imbalance^(-i / 9)) for training, drawn by `seed`. Images are enlarged to 64 x 64
    and held in memory as PNG, about a megabyte in all.

    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998.
    """
    from sklearn.datasets import load_digits

    data = load_digits()
    rng = random_stream(seed)
    largest = int(np.bincount(data.target).min()) - _TEST_PER_CLASS
    counts = profile_counts("exponential", num_classes=10, largest=largest, imbalance=imbalance)
    chosen, splits = [], []
    for digit, keep in enumerate(counts):
        shuffled = rng.permutation(np.flatnonzero(data.target == digit))
        chosen.append(shuffled[: _TEST_PER_CLASS + keep])
        splits += ["test"] * _TEST_PER_CLASS + ["train"] * int(keep)
    order = np.concatenate(chosen)
    return Listing(
        name="digits",
        class_names=tuple(str(digit) for digit in range(10)),
        named=True,
        store=MemoryStore("digits", tuple(_png(data.images[i]) for i in order)),
        labels=data.target[order].astype(np.int64),
        splits=np.array(splits),
    )


def _png(scan: np.ndarray) -> bytes:
    """Convert 8 x 8 pixels of 16 grey levels to an enlarged 8-bit PNG."""
    image = Image.fromarray(np.round(scan * (255 / 16)).astype(np.uint8))
    stream = io.BytesIO()
    image.resize((_SIZE, _SIZE), Image.Resampling.BICUBIC).save(stream, "PNG")
    return stream.getvalue()
