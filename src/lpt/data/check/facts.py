"""The record of facts about one image."""

from typing import Any

import numpy as np
import numpy.typing as npt

from lpt.data.check.fingerprint import SIZE

__all__ = ["FACTS", "Facts"]

Facts = npt.NDArray[Any]
"""An array of FACTS records."""

FACTS = np.dtype(
    [
        ("digest", np.uint64, (2,)),  # the first 16 bytes of the file's SHA-256
        ("format", np.uint8),  # index into lpt.data.images.decode.FORMATS
        ("animated", np.bool_),
        ("width", np.uint32),
        ("height", np.uint32),
        ("contrast", np.uint8),  # largest minus smallest value, of the band where it is largest
        ("print", np.int8, (SIZE,)),
    ]
)
