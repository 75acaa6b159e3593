"""Read safetensors files from outside: bounded, by plain reads, and never mapped into memory.

A file that is mapped and then cut off by another process ends the process that reads it. So the
header is read and checked first (`TensorFile.kinds`, `TensorFile.metadata`), and each tensor is
read into its own memory when it is asked for.

Format: 8 bytes with the length of the header (little-endian), the header (JSON: name of a tensor to
`dtype`, `shape` and `data_offsets`; `__metadata__` holds text), and the data without gaps.
"""

import io
import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lpt.errors import LptError
from lpt.files.json_files import problem
from lpt.files.regular_files import open_regular, size_text

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["Kind", "TensorFile", "TensorLimits", "tensor_bytes"]

Kind = tuple[str | int, ...]
"""Data type of a tensor, as safetensors names it, followed by its sizes."""

_TYPES = {
    "F64": ("float64", 8),
    "F32": ("float32", 4),
    "F16": ("float16", 2),
    "BF16": ("bfloat16", 2),
    "I64": ("int64", 8),
    "I32": ("int32", 4),
    "I16": ("int16", 2),
    "I8": ("int8", 1),
    "U8": ("uint8", 1),
    "BOOL": ("bool", 1),
}
"""Name in torch and bytes of each data type. Headers are read without torch, which loads slowly."""

_METADATA = "__metadata__"


class TensorLimits(NamedTuple):
    """The largest file that is read.

    Attributes:
        file_bytes: of the whole file.
        header_bytes: of names, shapes and metadata together.
        tensors: number of tensors.
    """

    file_bytes: int = 2**36
    header_bytes: int = 2**24
    tensors: int = 20_000


_Size = Annotated[int, Field(ge=0, le=2**40)]


class _Entry(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    dtype: str
    shape: Annotated[list[_Size], Field(max_length=8)]
    data_offsets: Annotated[list[_Size], Field(min_length=2, max_length=2)]


class TensorFile:
    """An open safetensors file whose header is valid. A context manager.

    Args:
        path: the file.
        limits: what is refused before it is parsed.
        error: class of the errors raised.
        damaged, remedy: how messages about a damaged file begin and end.
        data: the bytes of the file, if they were read already; `path` only names it then.

    Attributes:
        path: as given.
        kinds: data type and shape of each tensor, by name.
        metadata: text by name.
        numbers: how many numbers all tensors have together.
    Raises: `error` naming the file if it is missing, not a regular file, too large or damaged.
    """

    def __init__(
        self,
        path: Path,
        limits: TensorLimits,
        error: type[LptError],
        *,
        damaged: str = "not a readable safetensors file",
        remedy: str = "Obtain it again.",
        data: bytes | None = None,
    ) -> None:
        self.path = path
        self._error = error
        self._words = damaged, remedy
        self._stream: BinaryIO
        if data is None:
            self._stream = open_regular(path, max_bytes=limits.file_bytes, error=error)
        else:
            self._stream = io.BytesIO(data)
        try:
            header, self._start = self._header(self._stream, limits)
            self.metadata = self._metadata(header.pop(_METADATA, {}))
            self._entries = self._checked(header)
        except BaseException:
            self._stream.close()
            raise
        self.kinds: dict[str, Kind] = {n: (e.dtype, *e.shape) for n, e in self._entries.items()}
        self.numbers = sum(math.prod(entry.shape) for entry in self._entries.values())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stream.close()

    def read(self, name: str) -> "Tensor":
        """Read one tensor. Raises: as the class, if the file was changed since it was opened."""
        import torch

        entry = self._entries[name]
        begin, end = entry.data_offsets
        raw = torch.empty(end - begin, dtype=torch.uint8)
        try:
            self._stream.seek(self._start + begin)
            count = self._stream.readinto(raw.numpy())  # type: ignore[attr-defined]
        except OSError as fault:
            raise self._damaged(fault.strerror or str(fault)) from fault
        if count != len(raw):
            raise self._damaged(f"it ends within {name}; something changed it while it was read")
        dtype = _dtype(entry)
        flat = raw.ne(0) if dtype is torch.bool else raw.view(dtype)
        return flat.view(entry.shape)

    def read_all(self) -> "dict[str, Tensor]":
        """Read all tensors, by name."""
        return {name: self.read(name) for name in self._entries}

    def outlines(self) -> "dict[str, Tensor]":
        """Return tensors of these names, types and shapes that hold no memory (device "meta")."""
        import torch

        return {
            name: torch.empty(entry.shape, dtype=_dtype(entry), device="meta")
            for name, entry in self._entries.items()
        }

    def _header(self, stream: BinaryIO, limits: TensorLimits) -> tuple[dict[str, Any], int]:
        try:
            start = stream.read(8) or b""  # a file of the kernel may hold nothing yet
            self._size = stream.seek(0, 2)
        except OSError as fault:
            raise self._damaged(fault.strerror or str(fault)) from fault
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else self._size
        if length > self._size - 8:
            raise self._damaged("its header is incomplete")
        if length > limits.header_bytes:
            raise self._damaged(
                f"its header has {size_text(length)}, more than {size_text(limits.header_bytes)}"
            )
        stream.seek(8)
        left = limits.tensors + 2  # the metadata and the header itself

        def counted(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            nonlocal left
            left -= 1
            if left < 0:
                raise self._damaged(f"it has more than {limits.tensors:,} tensors")
            return dict(pairs)

        try:
            header = json.loads(stream.read(length).decode(), object_pairs_hook=counted)
        except (OSError, RecursionError, ValueError) as fault:
            raise self._damaged("its header is not JSON") from fault
        if not isinstance(header, dict):
            raise self._damaged("its header is not a JSON object")
        return header, 8 + length

    def _metadata(self, found: object) -> dict[str, str]:
        if not isinstance(found, dict) or any(not isinstance(text, str) for text in found.values()):
            raise self._damaged("its metadata is not text")
        return found

    def _checked(self, header: Mapping[str, object]) -> dict[str, _Entry]:
        """Check that the tensors fill the file without gaps."""
        entries: dict[str, _Entry] = {}
        for name, value in header.items():
            try:
                entries[name] = _Entry.model_validate(value)
            except ValidationError as fault:
                raise self._damaged(f"tensor {name}: {problem(fault)}") from fault
        end = 0
        for name, entry in sorted(entries.items(), key=lambda e: e[1].data_offsets):
            if entry.dtype not in _TYPES:
                raise self._damaged(f"tensor {name} has the unknown type {entry.dtype}")
            size = math.prod(entry.shape) * _TYPES[entry.dtype][1]
            if entry.data_offsets != [end, end + size]:
                raise self._damaged(f"tensor {name} is not where its shape and its neighbours end")
            end += size
        if self._start + end != self._size:
            raise self._damaged(
                f"its tensors have {size_text(end)}, but {size_text(self._size - self._start)} "
                "follow the header"
            )
        return entries

    def _damaged(self, reason: str) -> LptError:
        damaged, remedy = self._words
        return self._error(f"{self.path}: {damaged} ({reason}). {remedy}")


def _dtype(entry: _Entry) -> "torch.dtype":
    import torch

    dtype: torch.dtype = getattr(torch, _TYPES[entry.dtype][0])
    return dtype


def tensor_bytes(tensors: "Mapping[str, Tensor]", metadata: Mapping[str, str]) -> bytes:
    """Return the bytes of a safetensors file, which are the same every time.

    The library writes metadata in an order that differs between calls; here they are sorted.

    Args:
        tensors: by name, on the CPU and contiguous.
        metadata: text by name.
    """
    from safetensors.torch import save

    written = save(dict(tensors), dict(metadata))
    (length,) = struct.unpack("<Q", written[:8])
    header = json.loads(written[8 : 8 + length])
    header[_METADATA] = dict(sorted(metadata.items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + written[8 + length :]
