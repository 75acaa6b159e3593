"""How a command ends: by a signal, a closed pipe or a full disk, always with the usual exit code.

Codes: 0 done, 1 a finding of `lpt data check` or a failed run of a study, 2 a user error, 128 plus
the number of a signal (130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP, 141 for a closed pipe).
"""

import errno
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, TextIO

from lpt.errors import LptError

__all__ = ["guarded_streams", "stopped_by_signals"]

_CLOSED_PIPE = 141
_SIGNALS = ("SIGTERM", "SIGHUP")


class _Stream:
    """Standard output or standard error that ends the command when its reader is gone.

    A full disk is a user error for stdout. Progress on stderr is dropped instead: a training
    matters more than its lines.
    """

    def __init__(self, stream: TextIO, name: str) -> None:
        self._stream, self._name = stream, name

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
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


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end a command as Ctrl-C does, with their own exit code.

    A signal that the caller ignores (nohup) stays ignored. The second signal ends the process at
    once. Worker processes that inherit the handlers end as if there were none.
    """
    received: list[int] = []
    process = os.getpid()

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        signal.signal(number, signal.SIG_DFL)
        if os.getpid() != process:
            os.kill(os.getpid(), number)
        received.append(number)
        raise KeyboardInterrupt

    numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        numbers = []  # only the main thread may handle signals
    handled = [n for n in numbers if signal.getsignal(n) == signal.SIG_DFL]
    for number in handled:
        signal.signal(number, stop)
    try:
        yield
    except BaseException as error:
        if received:
            raise SystemExit(128 + received[0]) from None
        if isinstance(error, KeyboardInterrupt):
            raise SystemExit(128 + signal.SIGINT) from None
        raise
    finally:
        for number in handled:
            signal.signal(number, signal.SIG_DFL)


def _discard(stream: TextIO) -> None:
    """Send what is still buffered, and all that follows, to nowhere."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _closed_on_windows(error: OSError) -> bool:
    return os.name == "nt" and error.errno == errno.EINVAL
