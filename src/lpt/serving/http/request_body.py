"""Images out of a request body: raw bytes, multipart, or JSON with base64. No network here."""

import base64
import binascii
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from lpt.serving.http.error_answers import Refusal

__all__ = ["GivenImage", "decode_base64", "media_type", "parse_json", "parse_parts", "parse_record"]

_PARTS, _PART_BYTES = 50_000, 64
"""Lists, objects and keys of a body: a fixed number, and one for so many bytes. An empty list takes
20 times as much memory as it takes bytes; one of pixels has more bytes."""

Record = TypeVar("Record", bound=BaseModel)


@dataclass(frozen=True)
class GivenImage:
    """An image of a request: its bytes, and the file name that the client gave."""

    data: bytes
    name: str | None = None


def media_type(headers: Headers) -> str:
    """Return the type of a body in lower case, without parameters.

    Raises: Refusal for a body that is compressed: its size would not bound what it holds.

    >>> media_type(Headers({"content-type": "Image/PNG; q=1"}))
    'image/png'
    """
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise Refusal(415, "compressed_body", "Send the body without Content-Encoding.")
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def parse_json(body: bytes) -> Any:
    """Return the value of a JSON body. Raises: Refusal with status 400.

    >>> parse_json(b'{"top": 3}')
    {'top': 3}
    """
    most = _PARTS + len(body) // _PART_BYTES
    if any(body.count(part) > most for part in (b"[", b"{", b":")):
        raise Refusal(400, "invalid_json", f"The body has more than {most:,} lists or keys.")
    try:
        return json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise Refusal(400, "invalid_json", f"The body is not JSON: {reason}.") from None


def parse_record(kind: type[Record], body: bytes) -> Record:
    """Return a JSON body as a record. Raises: Refusal naming the first fields that are wrong."""
    try:
        return kind.model_validate(parse_json(body))
    except ValidationError as error:
        found = [
            f"{'.'.join(map(str, one['loc'])) or 'body'}: {one['msg']}"
            for one in error.errors(include_url=False, include_input=False)[:5]
        ]
        raise Refusal(422, "invalid_request", "; ".join(found)) from None


def decode_base64(text: str, where: str) -> bytes:
    """Return the bytes of base64 text, also of a data URL. Raises: Refusal naming `where`.

    >>> decode_base64("data:image/png;base64,aGk=", "images[0]")
    b'hi'
    """
    if text[:5] == "data:":
        text = text.partition(",")[2]
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Refusal(422, "invalid_base64", f"{where}: is not base64.") from None


async def parse_parts(headers: Headers, body: bytes, most: int) -> list[GivenImage]:
    """Return the files of a multipart body, in order; other fields are ignored.

    Args:
        headers: of the request, with the boundary.
        body: the whole body.
        most: number of files that are accepted.
    Raises: Refusal with status 400.
    """

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body
        yield b""

    try:
        form = await _InMemory(
            headers, stream(), max_files=most, max_fields=100, max_part_size=64 * 1024
        ).parse()
    except (MultiPartException, KeyError, ValueError, LookupError) as error:
        reason = getattr(error, "message", "it is damaged")
        text = f"The multipart body cannot be parsed: {reason}."
        raise Refusal(400, "invalid_multipart", text) from None
    images = []
    for _, value in form.multi_items():
        if isinstance(value, UploadFile):
            images.append(GivenImage(await value.read(), value.filename or None))
    await form.close()
    return images


class _InMemory(MultiPartParser):
    """A parser that never writes a file: the body is bounded, and the disk may be read-only."""

    spool_max_size = 2**40


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number of JSON")
