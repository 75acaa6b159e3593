"""A contact sheet of the worst findings, to judge them at a glance."""

from pathlib import Path

from PIL import Image, ImageDraw

from lpt.data.check.check_result import CheckReport
from lpt.data.check.findings import Finding, Place
from lpt.data.images.decode import decode
from lpt.data.manifest import Manifest
from lpt.errors import DataError
from lpt.escape import printable
from lpt.files.atomic_files import write_atomic

__all__ = ["contact_sheet"]

_TILE = 96
_TEXT = 14
_ACROSS = 8
_LETTERS = 15  # below a tile


def contact_sheet(report: CheckReport, manifest: Manifest, path: Path, *, most: int = 40) -> None:
    """Write a PNG with one row per finding: its kind, details and images with their names.

    Kinds take turns, so that a frequent one does not crowd out the others. A crossed tile stands
    for an image that cannot be decoded.

    Args:
        report: the findings.
        manifest: the data that was checked.
        path: the file to write.
        most: maximum number of rows.
    Raises: RunError if the file cannot be written.
    """
    rows = _worst(report.findings, most)
    height = _TILE + 3 * _TEXT
    sheet = Image.new("RGB", (_ACROSS * _TILE, max(len(rows), 1) * height), "white")
    draw = ImageDraw.Draw(sheet)
    if not rows:
        draw.text((4, 4), "No findings.", fill="black")
    for number, finding in enumerate(rows):
        top = number * height
        draw.text((2, top), _ascii(f"{finding.kind}: {finding.detail}")[:120], fill="black")
        for slot, place in enumerate(finding.images[:_ACROSS]):
            sheet.paste(_tile(manifest, place), (slot * _TILE, top + _TEXT))
            below = (_ascii(f"{place.split} {place.label}")[:_LETTERS], _file_name(place.name))
            for line, text in enumerate(below, start=1):
                draw.text((slot * _TILE + 2, top + line * _TEXT + _TILE), text, fill="black")
    write_atomic(path, lambda temporary: sheet.save(temporary, "PNG"))


def _file_name(name: str) -> str:
    """The end of a file name, or of a row, where names differ most."""
    file = _ascii(name.rpartition("/")[2])
    return file if len(file) <= _LETTERS else f"...{file[3 - _LETTERS :]}"


def _ascii(text: str) -> str:
    """The built-in font draws no other letters."""
    return printable(text).encode("ascii", "replace").decode()


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
