"""Examine the markers of a JPEG file before it is decoded."""

import re
import struct

from lpt.data.images.containers.encoded_image import EncodedImage
from lpt.data.images.containers.tiff_tags import read_tags
from lpt.data.images.image_error import ImageError

__all__ = ["examine_jpeg"]

_MOST_SEGMENTS = 10_000
_MOST_JUNK = 65_536  # bytes between segments
_SOS, _EOI = 0xDA, 0xD9
_EXIF, _XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_ALONE = frozenset({0, 1, *range(0xD0, 0xDA), 0xFF})  # markers without a length
_MARKER = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])")  # ends the data of a scan
_FEW_SCANS = 32


def examine_jpeg(data: bytes, name: str) -> EncodedImage:
    """Read EXIF and XMP of a JPEG, and what its kind of coding costs.

    Raises: ImageError if its header has thousands of segments, or much between them.
    """
    exif: list[tuple[int, int]] = []  # start and end of the segments
    xmp: bytes | None = None
    coding, scans, components = "JPEG", 1, 0
    codec_bytes = coefficients = 0.0
    place, junk, segments = 2, 0, 0
    while True:
        start = data.find(b"\xff", place)
        if start < 0 or start + 4 > len(data):
            break
        junk += start - place
        marker = data[start + 1]
        if marker in _ALONE:
            place = start + (1 if marker == 0xFF else 2)
            junk += 1
        else:
            segments += 1
            (length,) = struct.unpack_from(">H", data, start + 2)
            body, place = start + 4, start + 2 + max(length, 2)
            if marker == 0xE1 and data.startswith(_EXIF, body):
                exif.append((start, place))
            elif marker == 0xE1 and data.startswith(_XMP, body):
                xmp = data[body + len(_XMP) : place]
            elif marker in _FRAMES:
                components, coefficients = _coefficients(data, body)
                if marker in _PROGRESSIVE:
                    coding, codec_bytes = "progressive JPEG", coefficients
            elif marker == _SOS:
                several = body < len(data) and 0 < data[body] < components
                if coding == "JPEG" and several:
                    coding, codec_bytes = "JPEG in several scans", coefficients
                if coding != "JPEG":
                    scans = _count_scans(data, place)
                break
        if segments > _MOST_SEGMENTS or junk > _MOST_JUNK:
            raise ImageError(
                f"{name}: its header has more than {_MOST_SEGMENTS:,} segments of metadata, or is "
                "damaged. Save the image again without metadata."
            )
    data, record = _with_safe_exif(data, exif)
    return EncodedImage("JPEG", data, False, record, xmp, codec_bytes, scans, label=coding)


def _coefficients(data: bytes, body: int) -> tuple[int, float]:
    """Number of components of a frame, and bytes per pixel of all their coefficients."""
    if body + 6 > len(data):
        return 0, 0
    factors = [divmod(byte, 16) for byte in data[body + 7 : body + 6 + 3 * data[body + 5] : 3]]
    if not all(h and v for h, v in factors) or not factors:
        return 0, 0
    largest = max(h for h, _ in factors) * max(v for _, v in factors)
    return len(factors), 2 * sum(h * v for h, v in factors) / largest


def _count_scans(data: bytes, place: int) -> int:
    """Count the scans of a picture whose first scan begins at `place`."""
    upper = 1 + data.count(b"\xff\xda", place)
    if upper <= _FEW_SCANS:
        return upper
    scans = 1
    while (found := _MARKER.search(data, place)) and found[1][0] != _EOI:
        scans += found[1][0] == _SOS
        place = found.end()
        if place + 2 <= len(data):
            place += max(struct.unpack_from(">H", data, place)[0], 2)
    return scans


def _with_safe_exif(data: bytes, segments: list[tuple[int, int]]) -> tuple[bytes, bytes | None]:
    """Return the EXIF record, and the file without it if its tags claim more than it holds."""
    if not segments:
        return data, None
    record = b"".join(data[start + 10 : end] for start, end in segments)
    tags = read_tags(record)
    if tags is None or tags.plausible(len(record)):
        return data, record
    pieces, place = [], 0
    for start, end in segments:
        pieces.append(data[place:start])
        place = end
    return b"".join([*pieces, data[place:]]), record
