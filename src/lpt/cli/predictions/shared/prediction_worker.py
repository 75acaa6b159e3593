"""A process that predicts what another one sends: `lpt predict` as that one starts it."""

import io
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, redirect_stderr, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lpt.cli.options import message_of
from lpt.cli.predictions.shared.channel import Channel
from lpt.errors import DataError, LptError
from lpt.machine.group.pulse import EVERY

if TYPE_CHECKING:  # both import numpy
    from lpt.cli.predictions.given_images import GivenImage
    from lpt.cli.predictions.row_piece import RowPiece

__all__ = ["NUMBER", "SOCKET", "PredictionWorker"]

SOCKET = "LPT_PREDICT_SOCKET"
"""Variable with the handle of the connection to the process that writes."""
NUMBER = "LPT_PREDICT_NUMBER"
"""Likewise, with the number of this process, from 0."""


class PredictionWorker:
    """The place of this process among those that predict.

    Args:
        number: from 0.
        channel: to the process that writes.
    """

    def __init__(self, number: int, channel: Channel) -> None:
        self.number, self.channel = number, channel

    @classmethod
    def of_environment(
        cls, environment: Mapping[str, str] = os.environ
    ) -> "PredictionWorker | None":
        """Return the place; None for a process that a user has started.

        A process that predicts holds nothing that could be lost, so SIGTERM then ends it at once:
        an exception of a signal handler could come at any place, also in the end of Python.
        """
        if SOCKET not in environment:
            return None
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        handle = int(environment[SOCKET])
        return cls(int(environment[NUMBER]), Channel(socket.socket(fileno=handle)))

    def device(self, wanted: str | None) -> str | None:
        """Return the GPU of this process, if all of them take GPUs; else what is wanted."""
        if wanted not in (None, "cuda"):
            return wanted
        import torch

        count = torch.cuda.device_count()
        return f"cuda:{self.number % count}" if count else wanted

    @contextmanager
    def prepared(self) -> Iterator[None]:
        """Let the process that writes report an error; the first worker alone prints notes.

        From here on, a thread shows that this process lives, however long an image takes.
        """
        threading.Thread(target=self._beat, name="pulse", daemon=True).start()
        try:
            with redirect_stderr(io.StringIO()) if self.number else nullcontext():
                yield
        except LptError as error:
            self._fail(error)

    def serve(
        self, facts: Mapping[str, Any], answer: "Callable[[list[GivenImage]], RowPiece]"
    ) -> None:
        """Send what the file depends on, then answer each message until there are no more.

        Args:
            facts: of the file, as JSON.
            answer: predicts images.
        """
        try:
            self.channel.send({"facts": dict(facts)})
            while (received := self.channel.receive()) is not None:
                message, _ = received
                piece = answer([_image(*one) for one in message["images"]])
                found = {"number": message["number"], "bad": piece.bad, "labels": piece.labels}
                self.channel.send(found, piece.content)
        except LptError as error:
            self._fail(error)
        except BrokenPipeError:  # the process that writes has ended
            raise SystemExit(2) from None

    def _beat(self) -> None:
        with suppress(OSError):  # the process that writes has ended
            while True:
                time.sleep(EVERY)
                self.channel.send({"lives": True})

    def _fail(self, error: LptError) -> None:
        with suppress(OSError):
            self.channel.send({"error": message_of(error).splitlines()})
        raise SystemExit(2) from None


def _image(path: str, error: list[str] | None) -> "GivenImage":
    from lpt.cli.predictions.given_images import GivenImage

    return GivenImage(Path(path), None if error is None else DataError(*error))
