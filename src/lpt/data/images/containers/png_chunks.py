"""Reduce a PNG file to the chunks that its pixels need.

Text, profiles and private chunks may be large, many or damaged beside sound pixels.
"""

import struct
import zlib

from lpt.data.images.containers.encoded_image import EncodedImage
from lpt.data.images.image_error import ImageError

__all__ = ["reduce_png"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_NEEDED = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_LARGEST_RECORD = 1 << 20  # bytes of an EXIF or XMP record
_MANY = 10_000  # chunks
_MOST_NEEDED, _MOST_CHUNKS = 100_000, 2_000_000
_EXIF, _XMP = b"Raw profile type exif", b"XML:com.adobe.xmp"


_DEEP_WORK = 64
"""Passes over 8 bits that 16 bits take as long as, where unpacking takes next to no time."""
_BLANK = 64  # pixels per byte


def reduce_png(data: bytes, name: str) -> EncodedImage:
    """Drop all other chunks of a PNG file, and read EXIF, XMP, depth and frames from them.

    Raises: ImageError for more chunks than any encoder writes.
    """
    view = memoryview(data)
    needed: list[tuple[bytes, int, int]] = []  # kind, start and length of the body
    records: dict[str, bytes] = {}
    bits: int | None = None
    frames, covered, chunks, place = 0, False, 0, len(_SIGNATURE)
    while place + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        body, chunks = place + 8, chunks + 1
        if len(needed) > _MOST_NEEDED or chunks > _MOST_CHUNKS:
            raise ImageError(
                f"{name}: the PNG is cut into more than {_MOST_NEEDED:,} chunks. Save it again."
            )
        if kind in _NEEDED:
            needed.append((kind, body, length))
            if kind == b"IEND":
                break
        elif kind == b"acTL" and length == 8 and body + 8 <= len(data):
            (frames,) = struct.unpack_from(">I", data, body)
        elif kind == b"fcTL" and not any(name == b"IDAT" for name, _, _ in needed[-1:]):
            covered = True  # the still picture is the first frame
        elif kind == b"sBIT" and 1 <= length <= 4:
            bits = max(view[body : body + length], default=0)
        elif kind in (b"eXIf", b"tEXt", b"zTXt", b"iTXt") and length <= _LARGEST_RECORD:
            _add_record(records, kind, bytes(view[body : body + length]))
        place = body + length + 4
    if len(needed) < chunks or chunks > _MANY:
        data = _joined(view, needed)
    return EncodedImage(
        "PNG",
        data,
        animated=frames + (not covered) > 1 if frames else False,
        exif=records.get("exif"),
        xmp=records.get("xmp"),
        stated_bits=bits,
        scans=_DEEP_WORK if _is_deep_and_blank(data) else 1,
        label="PNG",
    )


def _is_deep_and_blank(data: bytes) -> bool:
    """Whether 16 bits per sample stand in far fewer bytes than any picture of them has."""
    if len(data) < 26:
        return False
    width, height, bits = struct.unpack_from(">IIB", data, 16)
    return bool(bits == 16 and width * height > _BLANK * len(data))


def _joined(view: memoryview, chunks: list[tuple[bytes, int, int]]) -> bytes:
    """Write the chunks as a file. All image data becomes one chunk."""
    pieces: list[bytes | memoryview] = [_SIGNATURE]
    pixels = [(body, length) for kind, body, length in chunks if kind == b"IDAT"]
    for kind, body, length in chunks:
        if kind != b"IDAT" or len(pixels) == 1:
            pieces.append(view[body - 8 : body + length + 4])
        elif (body, length) == pixels[0]:
            pieces.append(struct.pack(">I4s", min(sum(n for _, n in pixels), 2**31 - 1), kind))
            pieces += [view[start : start + n] for start, n in pixels]
            if pixels[-1][0] + pixels[-1][1] <= len(view):
                pieces.append(bytes(4))  # decoders do not compare the checksum of image data
    return b"".join(pieces)


def _add_record(records: dict[str, bytes], kind: bytes, body: bytes) -> None:
    """Add the EXIF or XMP record of a chunk, if it is one and intact."""
    if kind == b"eXIf":
        records["exif"] = body
        return
    key, _, rest = body.partition(b"\0")
    if key not in (_EXIF, _XMP):
        return
    compressed = kind == b"zTXt"
    if kind == b"iTXt":
        compressed = rest[:1] == b"\1"
        rest = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    elif compressed:
        rest = rest[1:]
    try:
        if compressed:
            rest = zlib.decompressobj().decompress(rest, _LARGEST_RECORD)
        if key == _XMP:
            records["xmp"] = rest
        elif "exif" not in records:  # as ImageMagick writes it: three lines, then hexadecimal
            records["exif"] = bytes.fromhex(b"".join(rest.split(b"\n")[3:]).decode("ascii"))
    except (zlib.error, ValueError):  # damaged metadata of an intact image
        return
