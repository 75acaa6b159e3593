"""Convert a decoded image of any pixel type to RGB on white."""

from PIL import Image

from lpt.data.images.containers.encoded_image import EncodedImage
from lpt.data.images.image_error import ImageError
from lpt.data.images.pixels.bit_depth import grey_to_8_bits
from lpt.data.images.pixels.strips import strips

__all__ = ["to_rgb"]


def to_rgb(image: Image.Image, file: EncodedImage, name: str) -> Image.Image:
    """Convert a loaded image to mode RGB; transparent pixels are composited onto white.

    Args:
        image: the image, at most 16 bits per sample.
        file: the file it comes from.
        name: name in messages.
    Raises: ImageError of kind unsupported for pixels without a defined range of brightness.
    """
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode in ("F", "LAB"):
        meaning = "32-bit floats" if image.mode == "F" else "LAB colours"
        raise ImageError(
            f"{name}: {meaning} have no defined range of brightness. "
            "Scale the values to 0..255 and save the image with 8 bits per channel.",
            "unsupported",
        )
    if image.mode.startswith("I"):
        grey = grey_to_8_bits(image, stated=file.stated_bits, white_is_zero=file.white_is_zero)
        if isinstance(grey, tuple):
            raise ImageError(
                f"{name}: 32-bit pixels from {grey[0]} to {grey[1]} have no defined range of "
                "brightness. Save the image with 8 or 16 bits per channel.",
                "unsupported",
            )
        image = grey
    boxes = strips(image.size)
    if len(boxes) == 1:
        return _convert(image)
    rgb = Image.new("RGB", image.size)
    for box in boxes:
        rgb.paste(_convert(image.crop(box)), box)
    return rgb


def _convert(image: Image.Image) -> Image.Image:
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")
