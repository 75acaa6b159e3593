"""Work on an image strip by strip, so that intermediate results stay small."""

__all__ = ["Box", "strips"]

Box = tuple[int, int, int, int]
"""Left, top, right and bottom."""

_PIXELS = 1 << 20


def strips(size: tuple[int, int]) -> list[Box]:
    """Divide an image of width and height into strips of about a million pixels.

    >>> strips((1000, 1500))
    [(0, 0, 1000, 1048), (0, 1048, 1000, 1500)]
    """
    width, height = size
    rows = max(1, _PIXELS // max(width, 1))
    return [(0, top, width, min(top + rows, height)) for top in range(0, height, rows)]
