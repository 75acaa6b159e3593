"""A contact sheet of the worst findings, to judge them at a glance."""

import unicodedata
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from lpt.data.check.check_result import CheckReport
from lpt.data.check.findings import Finding, Place
from lpt.data.images.decode import decode
from lpt.data.manifest import Manifest
from lpt.errors import DataError
from lpt.escape import printable
from lpt.files.atomic_files import write_atomic

__all__ = ["contact_sheet"]

_TILE = 96
_TEXT = 14  # height of a line
_SIZE = 11  # of letters
_ACROSS = 8
_TITLE_LINES = 3
FONTS = ("DejaVuSans.ttf", "LiberationSans-Regular.ttf", "NotoSans-Regular.ttf", "Arial.ttf")
"""Fonts of systems that have the letters of European languages and more, in order."""

_SPELLED = {"ß": "ss", "æ": "ae", "Æ": "Ae", "ø": "o", "Ø": "O", "œ": "oe", "Œ": "Oe", "ł": "l"}
_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
_UNKNOWN = "\uffff"  # drawn as the sign for letters that the font lacks
_ELLIPSIS = "..."


def contact_sheet(report: CheckReport, manifest: Manifest, path: Path, *, most: int = 40) -> int:
    """Write a PNG with one row per finding: its kind, details and images with their names.

    Kinds take turns, so that a frequent one does not crowd out the others. A crossed tile stands
    for an image that cannot be decoded. A fault of a folder has no images, so its row is text.

    Args:
        report: the findings.
        manifest: the data that was checked.
        path: the file to write.
        most: maximum number of rows.
    Returns: the number of rows.
    Raises: RunError if the file cannot be written.
    """
    font = _font()
    width = _ACROSS * _TILE
    rows = []
    for finding in _worst(report.findings, most):
        text = f"{finding.kind}: {finding.detail}" if finding.detail else finding.kind
        rows.append((finding, _lines(_drawable(text, font), font, width - 4)))
    heights = [
        (len(lines) + (2 if finding.images else 0)) * _TEXT + (_TILE if finding.images else 0) + 4
        for finding, lines in rows
    ]
    sheet = Image.new("RGB", (width, sum(heights) or _TILE), "white")
    draw = ImageDraw.Draw(sheet)
    if not rows:
        draw.text((4, 4), "No findings.", fill="black", font=font)
    top = 0
    for (finding, lines), height in zip(rows, heights, strict=True):
        for number, line in enumerate(lines):
            draw.text((2, top + number * _TEXT), line, fill="black", font=font)
        tiles = top + len(lines) * _TEXT
        for slot, place in enumerate(finding.images[:_ACROSS]):
            left = slot * _TILE
            sheet.paste(_tile(manifest, place), (left, tiles))
            label = _fitted(_drawable(f"{place.split} {place.label}", font), font, _TILE - 4)
            file = _drawable(place.name.rpartition("/")[2], font)
            below = (label, _fitted(file, font, _TILE - 4, keep_end=True))
            for number, line in enumerate(below):
                where = (left + 2, tiles + _TILE + number * _TEXT)
                draw.text(where, line, fill="black", font=font)
        top += height
    write_atomic(path, lambda temporary: sheet.save(temporary, "PNG"))
    return len(rows)


def _font() -> _Font:
    """A font of the system; Pillow's own one has no letters but those of English."""
    for name in FONTS:
        try:
            return ImageFont.truetype(name, _SIZE)
        except OSError:
            continue
    return ImageFont.load_default(_SIZE)


def _drawable(text: str, font: _Font) -> str:
    """Spell what the font lacks by letters that it has, or else by a question mark."""
    lacking = bytes(font.getmask(_UNKNOWN))

    def has(letter: str) -> bool:
        return letter == " " or bytes(font.getmask(letter)) != lacking

    def spelled(letter: str) -> str:
        if has(letter):
            return letter
        base = unicodedata.normalize("NFKD", letter)[0]
        return _SPELLED.get(letter) or (base if has(base) else "?")

    return "".join(map(spelled, unicodedata.normalize("NFC", printable(text))))


def _fitted(text: str, font: _Font, width: int, *, keep_end: bool = False) -> str:
    """Shorten a text to a width in pixels, at its end or, where ends differ most, at its start."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + _ELLIPSIS) > width:
        text = text[1:] if keep_end else text[:-1]
    return _ELLIPSIS + text if keep_end else text + _ELLIPSIS


def _lines(text: str, font: _Font, width: int) -> list[str]:
    """Break a title into lines of a width in pixels; the last of three is shortened."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if lines[-1] and font.getlength(longer) > width and len(lines) < _TITLE_LINES:
            lines.append(word)
        else:
            lines[-1] = longer
    return [_fitted(line, font, width) for line in lines]


def _worst(findings: tuple[Finding, ...], most: int) -> list[Finding]:
    queues: dict[str, list[Finding]] = {}
    for finding in findings:
        queues.setdefault(finding.kind, []).append(finding)
    chosen: list[Finding] = []
    depth = 0
    while len(chosen) < min(most, len(findings)):
        chosen += [queue[depth] for queue in queues.values() if depth < len(queue)]
        depth += 1
    kept = {id(finding) for finding in chosen[:most]}
    return [finding for finding in findings if id(finding) in kept]


def _tile(manifest: Manifest, place: Place) -> Image.Image:
    tile = Image.new("RGB", (_TILE, _TILE), "lightgrey")
    try:
        split = manifest.split(place.split)
        image = decode(
            split.read(place.index),
            name=place.name,
            max_pixels=split.max_pixels,
            target=_TILE,
        )
        image.thumbnail((_TILE - 4, _TILE - 4))
        tile.paste(image, ((_TILE - image.width) // 2, (_TILE - image.height) // 2))
    except DataError:
        draw = ImageDraw.Draw(tile)
        draw.line((0, 0, _TILE, _TILE), fill="red", width=3)
        draw.line((0, _TILE, _TILE, 0), fill="red", width=3)
    return tile
