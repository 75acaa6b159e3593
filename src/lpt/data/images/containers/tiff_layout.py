"""Explain why a TIFF file cannot be read as a picture."""

from lpt.data.images.containers.tiff_tags import read_tags

__all__ = ["explain_tiff"]

_FORMS = {1: "unsigned integers", 2: "signed integers", 3: "floats", 5: "complex integers"}
_FORMS |= {6: "complex floats"}


def explain_tiff(data: bytes) -> str | None:
    """Describe the bands of a TIFF file and how to convert it; None if its tags are unreadable."""
    tags = read_tags(data)
    if tags is None or not {256, 257} <= tags.values.keys():
        return None
    bits, bands = tags.first(258, 1), tags.first(277, 1)
    form = _FORMS.get(tags.first(339, 1), "an unknown type")
    what = f"a TIFF of {bands} band{'s' * (bands > 1)} of {bits}-bit {form} is not supported"
    if bands not in (1, 3, 4):
        return (
            f"{what}: its bands are not red, green and blue. Save three of them, or one as grey, "
            "with 8 bits (gdal_translate -b 1 -b 2 -b 3 -ot Byte -scale IN OUT)."
        )
    return (
        f"{what}. Scale the values and save it with 8 bits per band "
        "(gdal_translate -ot Byte -scale IN OUT)."
    )
