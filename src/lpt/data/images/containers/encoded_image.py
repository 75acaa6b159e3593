"""What a decoder needs of an image file."""

from dataclasses import dataclass

__all__ = ["EncodedImage"]


@dataclass(frozen=True)
class EncodedImage:
    """An image file without the metadata that no pixel needs.

    Attributes:
        kind: the format.
        data: a file with the same pixels. Metadata that would make it slow or impossible to read
            is gone.
        animated: whether there is more than one frame or page.
        exif, xmp: its records, if they were found without opening it.
        codec_bytes: memory per stored pixel that the codec needs beside the decoded image.
        scans: passes over the image that decoding takes, or takes as long as; large numbers may be
            overestimated.
        size: width and height if they must be known before the file is opened.
        stated_bits: significant bits per sample that the file names, if fewer than stored.
        white_is_zero: whether 0 is white (TIFF).
        label: the format in messages.
    """

    kind: str
    data: bytes
    animated: bool = False
    exif: bytes | None = None
    xmp: bytes | None = None
    codec_bytes: float = 0
    scans: int = 1
    size: tuple[int, int] | None = None
    stated_bits: int | None = None
    white_is_zero: bool = False
    label: str = ""
