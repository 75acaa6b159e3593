"""Images in whatever form a caller has them, as encoded images that one decoder reads.

Everything that is not encoded yet is encoded without loss. So a file, its bytes, its PIL image and
its pixels take the same path through `lpt.data.images.decode`, and give the same bits.
"""

import io
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image
from torch import Tensor

from lpt.data.image_stores import FileStore, ImageRef
from lpt.data.manifest import Split
from lpt.errors import DataError, ParameterError

__all__ = ["ImageInput", "ImageLike", "Images", "as_split", "iterate_inputs"]

ImageLike: TypeAlias = (
    "str | os.PathLike[str] | bytes | Image.Image | npt.NDArray[np.generic] | Tensor"
)
"""One image: a path, the bytes of an image file, a PIL image, (H, W, 3) pixels as an array, or
(3, H, W) pixels as a tensor. Grey pixels have one channel or no axis of channels, (H, W); pixels
with transparency have four. Values are uint8, bool, or floats in [0, 1]."""

Images: TypeAlias = "ImageLike | Iterable[ImageLike]"
"""One image, an iterable of images in any mixture, an (n, H, W, 3) array, an (n, 3, H, W) tensor,
or an array of paths."""

_KINDS = "a path, bytes, a PIL image, an (H, W, 3) array or a (3, H, W) tensor"
_CHANNELS = (1, 3, 4)  # grey, RGB, RGB with transparency
_PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")
_STORED_MODES = {"HSV": "RGB", "RGBX": "RGB", "RGBa": "RGBA", "PA": "RGBA", "La": "LA"}
_load_lock = threading.Lock()  # Pillow loads an image on first use, which two threads must not do


@dataclass(frozen=True)
class ImageInput:
    """One image of a caller.

    Attributes:
        name: what predictions and messages call it: its path, "image" or "images[3]".
        content: path, bytes, PIL image, array (H, W) or (H, W, channels), tensor (H, W) or
            (channels, H, W).
    """

    name: str
    content: Any

    def read(self) -> bytes:
        """Return the encoded image. Raises: DataError naming the image if it cannot be read."""
        content = self.content
        if isinstance(content, bytes | bytearray | memoryview):
            return bytes(content)
        if isinstance(content, Image.Image):
            return _encode(content, self.name)
        if isinstance(content, Tensor):
            content = content.detach().cpu()
            content = content.permute(1, 2, 0) if content.ndim == 3 else content
            content = (content.float() if content.is_floating_point() else content).numpy()
        if isinstance(content, np.ndarray):
            return _encode(Image.fromarray(_to_uint8(content, self.name)), self.name)
        if os.path.isdir(content):  # noqa: PTH112 - a name may be too long for Path.is_dir
            raise DataError(
                f"{content}: is a folder, not an image. Give its files, for example those that "
                f"Path({str(content)!r}).glob('*.jpg') finds."
            )
        return FileStore.of_files(Path(), [str(content)]).read(0)


@dataclass(frozen=True)
class _InputStore:
    """Images of a caller as an `lpt.data.image_stores.ImageStore`."""

    inputs: tuple[ImageInput, ...]

    def __len__(self) -> int:
        return len(self.inputs)

    def ref(self, position: int) -> ImageRef:
        return ImageRef(Path(self.inputs[position].name))

    def read(self, position: int) -> bytes:
        return self.inputs[position].read()


def iterate_inputs(images: Images) -> Iterator[ImageInput]:
    """Yield each image, checked for its type and shape but not read yet.

    A single image, also a `str`, gives one input.

    Raises: ParameterError naming the position of what is not an image.
    """
    content: Any = images
    if isinstance(content, np.ndarray) and content.dtype.kind in "UO":
        content = content.item() if content.ndim == 0 else content.tolist()
    batched = isinstance(content, np.ndarray | Tensor) and content.ndim == 4
    if _is_single(content) or (isinstance(content, np.ndarray | Tensor) and not batched):
        yield _checked(content, "image")
    elif isinstance(content, Iterable) and not isinstance(content, Mapping | io.IOBase):
        for position, item in enumerate(content):
            yield _checked(item, f"images[{position}]")
    else:
        raise ParameterError(
            f"`images`: {type(content).__name__} given. Give {_KINDS}, or a list of these."
        )


def as_split(inputs: Iterable[ImageInput]) -> Split:
    """Return images as a split in their order; all labels are 0."""
    store = _InputStore(tuple(inputs))
    positions = np.arange(len(store), dtype=np.int64)
    return Split("images", store, positions, np.zeros_like(positions))


def _is_single(content: object) -> bool:
    return isinstance(content, str | os.PathLike | bytes | bytearray | memoryview | Image.Image)


def _checked(content: Any, name: str) -> ImageInput:
    if isinstance(content, str | os.PathLike):
        path = os.fspath(content)
        if isinstance(path, str) and path and "\0" not in path:
            return ImageInput(path, path)
        raise ParameterError(f"`{name}`: the path {path!r} is not valid. Give a file.")
    if isinstance(content, np.ndarray | Tensor):
        _check_pixels(content, name)
    elif not _is_single(content):
        raise ParameterError(f"`{name}`: {type(content).__name__} given. Give {_KINDS}.")
    return ImageInput(name, content)


def _check_pixels(pixels: npt.NDArray[np.generic] | Tensor, name: str) -> None:
    is_tensor, dtype = isinstance(pixels, Tensor), str(pixels.dtype).removeprefix("torch.")
    shape = tuple(pixels.shape)
    wanted, channels = ("(3, H, W)", shape[:1]) if is_tensor else ("(H, W, 3)", shape[2:])
    is_image = len(shape) == 2 or (len(shape) == 3 and channels[0] in _CHANNELS)
    if not is_image or 0 in shape:
        kind = "tensor" if is_tensor else "array"
        raise ParameterError(
            f"`{name}`: {kind} of shape {shape}. Give pixels as {wanted}, grey ones as (H, W)."
        )
    if dtype not in ("uint8", "bool") and not dtype.startswith(("float", "bfloat")):
        raise ParameterError(f"`{name}`: pixels of type {dtype}. Give uint8, or floats in [0, 1].")


def _to_uint8(pixels: npt.NDArray[Any], name: str) -> npt.NDArray[np.uint8]:
    pixels = pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
    if pixels.dtype == np.uint8:
        return np.ascontiguousarray(pixels)
    if pixels.dtype == np.bool_:
        return pixels.astype(np.uint8) * np.uint8(255)
    low, high = float(pixels.min()), float(pixels.max())
    if not (low >= 0 and high <= 1):
        raise DataError(
            f"{name}: float pixels from {low:g} to {high:g}. Give floats in [0, 1], not normalised."
        )
    return np.rint(pixels.astype(np.float64) * 255).astype(np.uint8)


def _encode(image: Image.Image, name: str) -> bytes:
    """Encode a PIL image without loss, with its orientation and transparency."""
    if 0 in image.size:
        raise DataError(f"{name}: the image has no pixels. Leave it out.")
    try:
        with _load_lock:
            image.load()
            orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception as error:  # a lazily loaded file: a codec may raise anything
        raise DataError(f"{name}: cannot be decoded ({error}). Leave it out.") from error
    if image.mode in _STORED_MODES:
        image = image.convert(_STORED_MODES[image.mode])
    exif = Image.Exif()
    if isinstance(orientation, int) and orientation != 1:
        exif[ExifTags.Base.Orientation] = orientation
    stream = io.BytesIO()
    if image.mode == "RGB" and "transparency" not in image.info and not exif:
        image.save(stream, "BMP")
    elif image.mode in _PNG_MODES:
        image.save(stream, "PNG", compress_level=1, exif=exif)
    else:  # CMYK and others; the decoder refuses those without a defined range of brightness
        image.save(stream, "TIFF", exif=exif)
    return stream.getvalue()
