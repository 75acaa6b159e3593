"""Independent random generators keyed by integers, and the table of their keys.

Every random decision, apart from the initialisation of models, is a function of a key: it can be
repeated in isolation, resumed, and distributed over processes. A key is a tuple of non-negative
integers, which usually begins with the seed and ends with a `Stream`.
"""

from typing import Final

import numpy as np

__all__ = ["VIEW_KEY", "Stream", "random_stream"]


class Stream:
    """Last number of a key: the random decision.

    The numbers determine results, so changing one changes every run. Numbers from 1000 on are free
    for samplers of other packages: lpt uses none of them here.
    """

    # (seed, stage, epoch, STREAM)
    INSTANCE_SAMPLER: Final = 0
    BALANCED_SAMPLER: Final = 1
    CLASS_CYCLE_SAMPLER: Final = 2
    SQUARE_ROOT_SAMPLER: Final = 3
    # (seed, stage, epoch, step, STREAM)
    STEP: Final = 7
    # (seed, STREAM)
    VALIDATION_SUBSET: Final = 3
    CLASS_MEAN_IMAGES: Final = 4
    FEATURE_SUBSET: Final = 11
    ANALYSIS_SUBSET: Final = 12
    PROBE: Final = 13
    BOOTSTRAP: Final = 21
    KNN_BANK: Final = 22


VIEW_KEY = 1_000_003
"""Part of the keys of cached views.

Keys are (seed, VIEW_KEY, view, image) and (seed, stage, epoch, branch, VIEW_KEY). It is never the
number of a stage.
"""


def random_stream(*key: int) -> np.random.Generator:
    """Make an independent generator (NumPy's Philox) for a tuple of integers of any length.

    Held-out images are drawn from (seed, n), where n is the smallest size of a class that loses
    any; bundled and derived data sets are drawn from (seed,).

    >>> random_stream(0, Stream.BOOTSTRAP).integers(100, size=3).tolist() == [
    ...     int(n) for n in random_stream(0, 21).integers(100, size=3)
    ... ]
    True
    """
    # SeedSequence pads with zeros: without the length in front, (1,) and (1, 0) would be equal.
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((len(key), *key))))
