"""Messages between the process that writes predictions and those that compute them.

A message is a line of JSON and bytes that follow it. Nothing is pickled.
"""

import json
import socket
import threading
from contextlib import suppress
from typing import Any

__all__ = ["Channel"]

_SIZE = "bytes"


class Channel:
    """One end of a connection.

    Args:
        end: a connected socket.
    """

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._reader = end.makefile("rb")
        self._sending = threading.Lock()

    def send(self, message: dict[str, Any], content: bytes = b"") -> None:
        """Send a message, from any thread. File names that are not UTF-8 stay as they are.

        Raises: OSError if the other end is closed.
        """
        line = json.dumps({**message, _SIZE: len(content)})
        with self._sending:
            self._socket.sendall(line.encode("ascii") + b"\n" + content)

    def receive(self) -> tuple[dict[str, Any], bytes] | None:
        """Wait for a message; None once the other end is closed, also within a message."""
        with suppress(OSError, ValueError):  # closed by either end
            line = self._reader.readline()
            if line.endswith(b"\n"):
                message = json.loads(line)
                size = message.pop(_SIZE)
                if len(content := self._reader.read(size)) == size:
                    return message, content
        self._reader.close()
        return None

    def finish(self) -> None:
        """Send no more messages; the other end notices after the last one."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close the connection; both ends notice."""
        with suppress(OSError):  # the other end is closed already
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
