"""Image formats: their suffixes, their first bytes, and which of them this installation decodes."""

import importlib.util
from functools import cache

from PIL import features

__all__ = [
    "FORMATS",
    "HEAD",
    "SUFFIXES",
    "can_decode",
    "content_format",
    "decoded_formats",
    "format_advice",
    "formats_to_try",
    "is_other_image",
]

SUFFIXES = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), "JPEG"),
    ".png": "PNG",
    ".webp": "WEBP",
    **dict.fromkeys((".bmp", ".dib"), "BMP"),
    **dict.fromkeys((".tif", ".tiff"), "TIFF"),
    ".gif": "GIF",
    **dict.fromkeys((".heic", ".heif"), "HEIF"),
    ".avif": "AVIF",
}
"""Format of each suffix of images that can be decoded, HEIF and AVIF only by some installations."""

FORMATS = tuple(dict.fromkeys(SUFFIXES.values()))
OPTIONAL = frozenset({"HEIF", "AVIF"})
_ALWAYS = tuple(kind for kind in FORMATS if kind not in OPTIONAL)

HEAD = 32
"""Number of bytes that `content_format` needs."""

# Files of the kind of TIFF, which hold raw data of a sensor and at best a small preview.
_RAW = frozenset(
    f".{kind}"
    for kind in (
        *("3fr", "arw", "cr2", "cr3", "crw", "dcr", "dng", "erf", "fff", "iiq", "kdc", "mef"),
        *("mos", "mrw", "nef", "nrw", "orf", "pef", "raf", "raw", "rw2", "rwl", "sr2", "srf"),
        *("srw", "x3f"),
    )
)
_OTHER = _RAW | {
    f".{kind}"
    for kind in (
        *("jxl", "jp2", "j2k", "svg", "psd", "xcf", "eps", "tga", "ico", "pcx", "ppm", "pgm"),
        *("dcm", "exr", "hdr"),
    )
}
_BRANDS = {
    **dict.fromkeys(
        (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"), "HEIF"
    ),
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
}
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)


def content_format(head: bytes) -> str | None:
    r"""Recognise an image by the first HEAD bytes of its file: one of FORMATS, or None.

    >>> content_format(b"\xff\xd8\xff\xe0\x00\x10JFIF"), content_format(b"Dear diary")
    ('JPEG', None)
    """
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "GIF"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[:4] in _TIFF:
        return "TIFF"
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12])
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "BMP"  # two letters alone could be the beginning of a text
    return None


def is_other_image(suffix: str, content: str | None = None) -> bool:
    """Whether a file is an image of a format that cannot be decoded here.

    Args:
        suffix: of its name, in lower case, with the dot.
        content: its format by content, if that is known.
    """
    if suffix in _RAW:
        return content in (None, "TIFF")
    if content is None:
        return suffix in _OTHER or not can_decode(SUFFIXES.get(suffix, "JPEG"))
    return not can_decode(content)


@cache
def can_decode(kind: str) -> bool:
    """Whether this installation decodes a format; the first call registers an optional decoder."""
    if kind == "AVIF":
        return bool(features.check("avif"))
    if kind == "HEIF":
        if importlib.util.find_spec("pillow_heif") is None:
            return False
        from pillow_heif import register_heif_opener

        register_heif_opener()
    return kind in FORMATS


def formats_to_try(content: str | None) -> tuple[str, ...]:
    """Formats to try on a file, by its `content_format`; optional ones only if it is theirs."""
    return (content,) if content in OPTIONAL and can_decode(content) else _ALWAYS


def decoded_formats() -> tuple[str, ...]:
    """Formats that this installation decodes."""
    return tuple(kind for kind in FORMATS if can_decode(kind))


def format_advice(suffix: str, content: str | None = None) -> str:
    """Say how to use an image that cannot be decoded here.

    >>> format_advice(".psd")
    'Convert the file to JPEG or PNG, or remove it.'
    """
    if (content or SUFFIXES.get(suffix)) in OPTIONAL:
        return "Run: pip install 'lpt[heif]', or convert the file to JPEG."
    return "Convert the file to JPEG or PNG, or remove it."
