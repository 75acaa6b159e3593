"""The error of an image that cannot be used."""

from lpt.errors import DataError

__all__ = ["ImageError"]


class ImageError(DataError):
    """An image that cannot be decoded.

    Args:
        message: one line that names the image, its fault and a remedy.
        kind: empty, not-image, unsupported, too-large or damaged.

    Attributes:
        kind: as given.
    """

    def __init__(self, message: str, kind: str = "damaged"):
        super().__init__(message)
        self.kind = kind
