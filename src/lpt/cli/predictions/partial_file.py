"""A file that is written piece by piece, and continued after an interruption."""

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, TypeAdapter

from lpt.cli.predictions.bulk_request import check_absent
from lpt.errors import ConfigError, RunError
from lpt.files.atomic_files import check_writable, open_to_continue, write_json
from lpt.files.file_locks import FileLock
from lpt.files.json_files import Count, Record, read_json

__all__ = ["PartialFile", "check_begun", "is_begun"]

EARLY = 100_000
"""Most images whose paths `check_begun` compares: more take longer to list than a task to load."""

_Text = Annotated[str, Field(max_length=100_000)]


class _State(Record):
    arguments: dict[str, _Text | int | float | bool | None]
    images: Count
    bad: Count
    bytes: Count
    paths: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


_STATE = TypeAdapter(_State)


class PartialFile:
    """NAME.partial, which becomes NAME when it is complete. A context manager.

    NAME.partial.json records after each piece how far the file reaches, for which images, and with
    which arguments it was begun. What a killed process wrote after that is cut off.

    Args:
        path: the file that it becomes.
        arguments: what decides the content; a file begun with others is not continued.

    Attributes:
        images: number of images in the file.
        bad: number of those that could not be read.
    Raises: ConfigError if the file exists, or was begun with other arguments; RunError if another
        process is writing it, or it cannot be written.
    """

    def __init__(self, path: Path, arguments: dict[str, Any]) -> None:
        check_absent(path)
        check_writable(path.parent)
        self.path = path
        self.partial, self.state_file = _names(path)
        self.arguments = arguments
        self.images = self.bad = self._end = 0
        self._before = hashlib.sha256()
        self._recorded: str | None = None
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._lock = FileLock(self.partial)
        except BlockingIOError as error:
            raise RunError(f"{self.partial}: another process is writing it.") from error
        try:
            self._open()
        except BaseException:
            self._lock.release()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.close()
        self._lock.release()

    @property
    def is_empty(self) -> bool:
        """Whether nothing was written yet."""
        return self._end == 0

    def skip(self, path: str) -> bool:
        """Whether the file holds this image already; call it for each image in order.

        Raises: RunError if the images are not those that the file was begun with.
        """
        if self._recorded is None:
            return False
        self._note(path)
        self._skipped += 1
        if self._skipped == self.images:
            if self._before.hexdigest() != self._recorded:
                raise self._changed()
            self._recorded = None
        return True

    def add(self, piece: bytes, paths: Iterable[str] = (), bad: int = 0) -> None:
        """Append a piece and the images that it holds, synced to the disk.

        Raises: RunError if the disk is full.
        """
        for path in paths:
            self._note(path)
            self.images += 1
        self.bad += bad
        try:
            self._stream.write(piece)
            self._stream.flush()
            os.fsync(self._stream.fileno())
        except OSError as error:
            raise RunError(
                f"{self.partial}: cannot be written ({error.strerror}). Free some space and repeat "
                "the command, which continues the file."
            ) from error
        self._end += len(piece)
        write_json(
            self.state_file,
            {
                "arguments": self.arguments,
                "images": self.images,
                "bad": self.bad,
                "bytes": self._end,
                "paths": self._before.hexdigest(),
            },
        )

    def finish(self, convert: Callable[[Path, Path], None] | None = None) -> None:
        """Give the file its name.

        Args:
            convert: writes the final file, atomically, from the partial one; None renames that.
        Raises: RunError if there are fewer images than the file holds already.
        """
        if self._recorded is not None:
            raise self._changed()
        self._stream.close()
        if convert is None:
            self.partial.replace(self.path)
        else:
            convert(self.partial, self.path)
            self.partial.unlink()
        self.state_file.unlink(missing_ok=True)

    def _open(self) -> None:
        state = _begun(self.path)
        if state is not None:
            _check_arguments(self.path, state, self.arguments)
            if self.partial.stat().st_size < state.bytes:
                raise RunError(
                    f"{self.partial}: shorter than {self.state_file} records. Remove both to start "
                    "again."
                )
            self.images, self.bad, self._end = state.images, state.bad, state.bytes
            self._recorded, self._skipped = (state.paths if state.images else None), 0
        self._stream = open_to_continue(self.partial)
        self._stream.truncate(self._end)
        self._stream.seek(self._end)

    def _note(self, path: str) -> None:
        _note(self._before, path)

    def _changed(self) -> RunError:
        return _changed(self.path, self.images)


def is_begun(path: Path) -> bool:
    """Whether a part of the file was written, and is recorded."""
    return _names(path)[1].exists()


def check_begun(
    path: Path, arguments: Mapping[str, Any], images: Iterable[str] | None = None
) -> None:
    """Check that `PartialFile` would continue a file, without opening it.

    Args:
        path: the file that it becomes.
        arguments: those of the arguments that are known already.
        images: paths of the images in order; None if they are not known yet. They are not compared
            if the file holds more than `EARLY`.
    Raises: as `PartialFile` for other arguments, and as `PartialFile.skip` for other images.
    """
    state = _begun(path)
    if state is None:
        return
    _check_arguments(path, state, arguments)
    if images is None or state.images > EARLY:
        return
    before = hashlib.sha256()
    for image in islice(images, state.images):
        _note(before, image)
    if before.hexdigest() != state.paths:
        raise _changed(path, state.images)


def _names(path: Path) -> tuple[Path, Path]:
    """Return the file that is written, and its record."""
    return path.with_name(f"{path.name}.partial"), path.with_name(f"{path.name}.partial.json")


def _begun(path: Path) -> _State | None:
    partial, state_file = _names(path)
    if not is_begun(path):
        return None
    return read_json(state_file, _STATE, remedy=f"Remove it and {partial} to start again.")


def _check_arguments(path: Path, state: _State, arguments: Mapping[str, Any]) -> None:
    partial, state_file = _names(path)
    for name, value in arguments.items():
        begun = state.arguments.get(name)
        if begun != value:
            raise ConfigError(
                f"{partial}: was begun {_difference(name, begun, value)}. Give the same arguments "
                f"to continue, or remove {partial} and {state_file} to start again."
            )


def _difference(name: str, begun: object, value: object) -> str:
    """Say how an argument of the beginning differs from today's; None and False are not given."""
    if name == "RUN":
        return "with another RUN"
    if begun is None or begun is False:
        return f"without {name}"
    if value is None or value is False:
        given = name if begun is True else f"{name} {begun}"
        return f"with {given}, which is missing now"
    return f"with {name} {begun}, not {value}"


def _note(before: "hashlib._Hash", path: str) -> None:
    before.update(os.fsencode(path) + b"\0")


def _changed(path: Path, images: int) -> RunError:
    partial, state_file = _names(path)
    return RunError(
        f"{partial}: holds {images:,} images, which are no longer the first ones that were given. "
        f"Give the same images to continue, or remove {partial} and {state_file} to start again."
    )
