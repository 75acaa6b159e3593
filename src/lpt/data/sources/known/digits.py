"""Handwritten digits that come with scikit-learn, made long-tailed: data that is always at hand."""

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
    """1,797 real 8 x 8 scans (UCI), ten classes; the later the digit, the rarer in training.

    Each class gives 30 images to the test split. Of the rest, class i keeps
    floor(144 * imbalance^(-i / 9)) for training, the exponential profile; `seed` chooses which.
    Images are enlarged to 64 x 64 and kept in memory as PNG, about a megabyte.

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
    """16 grey levels of 8 x 8 pixels to an enlarged 8-bit PNG."""
    image = Image.fromarray(np.round(scan * (255 / 16)).astype(np.uint8))
    stream = io.BytesIO()
    image.resize((_SIZE, _SIZE), Image.Resampling.BICUBIC).save(stream, "PNG")
    return stream.getvalue()
