"""The one place where commands print: text is escaped, and a stream that fails ends the command.

Exit codes: 141 for a closed pipe, as if SIGPIPE had ended the process; 2 for a full disk.
"""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from lpt.errors import LptError
from lpt.escape import json_text, printable, printable_lines

__all__ = ["guarded_streams", "say", "say_error", "say_json", "say_note", "say_stopped"]

_CLOSED_PIPE = 141


def say(text: str) -> None:
    """Print text to stdout at once; control characters are escaped, line breaks are kept."""
    print(printable_lines(text), flush=True)


def say_json(value: Any, *, indent: int | None = 2) -> None:
    """Print a value as JSON to stdout at once."""
    print(json_text(value, indent=indent), flush=True)


def say_note(text: str) -> None:
    """Print a note to stderr: escaped, and on one line."""
    print(printable(text), file=sys.stderr, flush=True)


def say_stopped(how_to_go_on: str) -> None:
    """Print that the command was stopped; on a terminal, below the ^C, with the cursor shown."""
    if sys.stderr is not None and sys.stderr.isatty():
        print("\x1b[?25h", file=sys.stderr)
    say_error(f"stopped. {how_to_go_on}")


def say_error(text: str) -> None:
    """Print text to stderr, after "lpt: "."""
    print(f"lpt: {printable_lines(text)}", file=sys.stderr, flush=True)


class _Stream:
    """Standard output or standard error that ends the command when its reader is gone.

    A full disk is a user error for stdout. Progress on stderr is dropped instead: a training
    matters more than its lines.
    """

    def __init__(self, stream: Any, name: str) -> None:
        self._stream, self._name = stream, name

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @property
    def buffer(self) -> "_Stream":
        """The guarded stream of bytes."""
        return _Stream(self._stream.buffer, self._name)

    def write(self, text: str | bytes) -> int:
        with self._guarded():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._guarded():
            self._stream.flush()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            _discard(self._stream)
            if isinstance(error, BrokenPipeError) or _closed_on_windows(error):
                raise SystemExit(_CLOSED_PIPE) from None
            if self._name == "stdout":
                raise LptError(
                    f"stdout: cannot be written ({error.strerror}). "
                    "Free some space, or write to another place."
                ) from error


@contextmanager
def guarded_streams() -> Iterator[None]:
    """Guard stdout and stderr: no traceback, and never the exit code of something else.

    Characters that stdout cannot encode are escaped.
    """
    streams = sys.stdout, sys.stderr
    for stream in streams:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if sys.stdout is not None:  # closed by the caller: Python then prints nothing
        sys.stdout = _Stream(sys.stdout, "stdout")
    if sys.stderr is not None:
        sys.stderr = _Stream(sys.stderr, "stderr")
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams


def _discard(stream: TextIO) -> None:
    """Send what is still buffered, and all that follows, to nowhere."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _closed_on_windows(error: OSError) -> bool:
    return os.name == "nt" and error.errno == errno.EINVAL
