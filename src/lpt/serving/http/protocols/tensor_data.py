"""Tensors of the Open Inference Protocol: from a request to images, from answers to bytes.

Binary data follow the JSON part of a body, in the order of the tensors (Triton's extension
"binary_tensor_data"). A BYTES tensor is, per element, 4 bytes of length (little endian) and the
element.
"""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from lpt.serving.http.error_answers import Refusal
from lpt.serving.http.protocols.inference_records import InferBody, InferInput, OutputTensor
from lpt.serving.http.request_body import decode_base64, parse_record
from lpt.serving.http.served_tasks import Pixels

__all__ = ["BYTES_INPUT", "PIXELS_INPUT", "parse_infer", "read_images", "split_elements", "to_body"]

BYTES_INPUT = "image"
PIXELS_INPUT = "pixels"


def parse_infer(body: bytes, json_size: str | None) -> tuple[InferBody, list[bytes | None]]:
    """Return the JSON part of a request, and the binary data of each input.

    Args:
        body: the whole body.
        json_size: the header Inference-Header-Content-Length.
    Raises: Refusal for sizes that contradict each other.
    """
    size = len(body)
    if json_size is not None:
        if not re.fullmatch(r"[0-9]{1,19}", json_size) or int(json_size) > len(body):
            raise Refusal(
                400, "invalid_sizes", "Inference-Header-Content-Length: is not a size of the body."
            )
        size = int(json_size)
    given = parse_record(InferBody, body[:size])
    blobs: list[bytes | None] = []
    for tensor in given.inputs:
        length = tensor.parameters.get("binary_data_size")
        if length is None:
            blobs.append(None)
            continue
        if type(length) is not int or not 0 <= length <= len(body) - size:
            raise Refusal(
                400, "invalid_sizes", f"input {tensor.name}: binary_data_size exceeds the body."
            )
        blobs.append(body[size : size + length])
        size += length
    if size != len(body):
        raise Refusal(400, "invalid_sizes", "The body is longer than its tensors.")
    return given, blobs


def read_images(
    given: InferBody, blobs: Sequence[bytes | None], image_size: int, most: int
) -> list[bytes | Pixels]:
    """Return the images of a request.

    Args:
        given: the request.
        blobs: binary data of each input, or None where the JSON holds them.
        image_size: H, height and width that the backbone takes.
        most: number of images that are accepted.
    Returns: encoded images (from BYTES), or (3, H, H) float32 (from FP32).
    Raises: Refusal for inputs that do not fit.
    """
    if len(given.inputs) != 1:
        raise Refusal(
            422,
            "invalid_inputs",
            f"{len(given.inputs)} inputs: give one, {BYTES_INPUT} (BYTES) or "
            f"{PIXELS_INPUT} (FP32).",
        )
    (tensor,), (blob,) = given.inputs, blobs
    if (tensor.name, tensor.datatype) == (BYTES_INPUT, "BYTES"):
        return list(_encoded(tensor, blob, most))
    if (tensor.name, tensor.datatype) == (PIXELS_INPUT, "FP32"):
        return list(_pixels(tensor, blob, image_size, most))
    raise Refusal(
        422,
        "invalid_inputs",
        f"input {tensor.name[:80]} of {tensor.datatype[:20]}: give {BYTES_INPUT} as BYTES or "
        f"{PIXELS_INPUT} as FP32.",
    )


def split_elements(data: bytes) -> list[bytes]:
    """Return the elements of a BYTES tensor in binary form. Raises: Refusal.

    >>> split_elements(bytes([2, 0, 0, 0]) + b"hi")
    [b'hi']
    """
    elements, at = [], 0
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "little")
        if at + 4 > len(data) or end > len(data):
            raise Refusal(400, "invalid_sizes", "BYTES: an element is longer than the data.")
        elements.append(data[at + 4 : end])
        at = end
    return elements


def to_body(
    facts: dict[str, Any], tensors: Iterable[tuple[OutputTensor, Any]]
) -> tuple[bytes, int | None]:
    """Write an answer: JSON, then the data of the tensors that are wanted in binary form.

    Args:
        facts: the fields of the answer besides its outputs.
        tensors: each output, with its values: an array, or a list of text for BYTES. An output
            with the parameter "binary_data_size" is written in binary form.
    Returns: the body, and the length of its JSON part where data follow.
    """
    outputs, blobs = [], []
    for tensor, values in tensors:
        record = tensor.model_dump(exclude_none=True)
        if tensor.parameters is not None and "binary_data_size" in tensor.parameters:
            blob = _binary(values)
            record["parameters"] = {**tensor.parameters, "binary_data_size": len(blob)}
            blobs.append(blob)
        else:
            record["data"] = values if isinstance(values, list) else values.ravel().tolist()
        outputs.append(record)
    text = json.dumps({**facts, "outputs": outputs}, allow_nan=False).encode()
    return b"".join([text, *blobs]), len(text) if blobs else None


def _binary(values: Any) -> bytes:
    if isinstance(values, list):
        encoded = [text.encode() for text in values]
        return b"".join(len(one).to_bytes(4, "little") + one for one in encoded)
    return bytes(values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes())


def _encoded(tensor: InferInput, blob: bytes | None, most: int) -> Iterable[bytes]:
    count = int(np.prod(tensor.shape, dtype=object)) if tensor.shape else 1
    _check_count(count, most)
    elements = _flat(tensor.data) if blob is None else split_elements(blob)
    if len(elements) != count:
        raise _wrong_shape(tensor, f"{len(elements)} elements")
    for i, element in enumerate(elements):
        where = f"{BYTES_INPUT}[{i}]"
        if isinstance(element, str):  # JSON holds text only, so images are in base64
            yield decode_base64(element, where)
        elif not isinstance(element, bytes):
            raise Refusal(422, "invalid_inputs", f"{where}: is not text in base64.")
        elif tensor.parameters.get("content_type") == "base64":
            yield decode_base64(element.decode("ascii", "replace"), where)
        else:
            yield element


def _pixels(tensor: InferInput, blob: bytes | None, size: int, most: int) -> Iterable[Pixels]:
    shape = tensor.shape
    if len(shape) != 4 or shape[1:] != [3, size, size]:
        raise _wrong_shape(tensor, f"[-1, 3, {size}, {size}] is needed")
    _check_count(shape[0], most)
    if blob is not None:
        if len(blob) != 4 * shape[0] * 3 * size * size:
            raise _wrong_shape(tensor, f"{len(blob):,} bytes")
        values = np.frombuffer(blob, dtype="<f4")
    else:
        try:
            with np.errstate(over="ignore"):  # becomes infinite, and is refused below
                values = np.asarray(tensor.data, dtype=np.float32).ravel()
        except (TypeError, ValueError, OverflowError):
            raise Refusal(422, "invalid_inputs", f"{PIXELS_INPUT}: are not numbers.") from None
        if values.size != shape[0] * 3 * size * size:
            raise _wrong_shape(tensor, f"{values.size:,} numbers")
    if not np.isfinite(values).all():
        raise Refusal(422, "invalid_inputs", f"{PIXELS_INPUT}: a number is not finite.")
    yield from values.reshape(shape).astype(np.float32, copy=False)


def _flat(data: list[Any] | None) -> list[Any]:
    """Return the elements of nested lists in row-major order, whatever their nesting."""
    found, rest = [], list(reversed(data or []))
    while rest:
        one = rest.pop()
        if isinstance(one, list):
            rest.extend(reversed(one))
        else:
            found.append(one)
    return found


def _check_count(count: int, most: int) -> None:
    if not 1 <= count <= most:
        raise Refusal(422, "too_many_images", f"{count:,} images: send 1 to {most:,} at once.")


def _wrong_shape(tensor: InferInput, found: str) -> Refusal:
    return Refusal(
        422, "invalid_inputs", f"input {tensor.name[:80]}: shape {tensor.shape}, but {found}."
    )
