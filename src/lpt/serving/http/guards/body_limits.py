"""Limits of request bodies, enforced while they arrive: bytes, seconds, and bytes of all."""

import asyncio
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lpt.serving.http.error_answers import Refusal
from lpt.serving.http.http_settings import HttpSettings

__all__ = ["BodyLimits", "read_body"]

_PATIENCE = 2.0
"""Seconds in which the rest of a refused body is thrown away."""


class BodyLimits:
    """An ASGI layer that refuses bodies which are too large, too slow, or too many at once.

    The bytes of a body count as buffered until its request is answered.

    Args:
        app: the application inside.
        settings: `max_bytes`, `max_buffered_bytes` and `body_seconds` are the limits.
    """

    def __init__(self, app: ASGIApp, settings: HttpSettings) -> None:
        self._app, self._settings = app, settings
        self._buffered = 0

    @property
    def buffered(self) -> int:
        """Bytes of request bodies in memory."""
        return self._buffered

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a connection, as ASGI calls it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limits, taken, complete = self._settings, 0, False
        ends = asyncio.get_running_loop().time() + limits.body_seconds
        announced = _announced(scope)

        async def limited() -> Message:
            nonlocal taken, complete
            if complete:  # what follows is the end of the connection, whenever that is
                return await receive()
            if announced > limits.max_bytes:
                await _discard(scope, receive, limits)
                raise _too_large(limits)
            try:
                async with asyncio.timeout_at(ends):
                    message = await receive()
            except TimeoutError:
                raise Refusal(
                    408,
                    "too_slow",
                    f"The body did not arrive within {limits.body_seconds:g} s.",
                    {"Connection": "close"},
                ) from None
            size = len(message.get("body", b""))
            taken += size
            self._buffered += size
            if taken > limits.max_bytes:
                await _discard(scope, receive, limits)
                raise _too_large(limits)
            if self._buffered > limits.max_buffered_bytes:
                raise Refusal(
                    429,
                    "memory_full",
                    "The server holds too many request bodies. Retry later.",
                    {"Retry-After": "1", "Connection": "close"},
                )
            complete = not message.get("more_body", False)
            return message

        try:
            await self._app(scope, limited, send)
        finally:
            self._buffered -= taken


async def read_body(receive: Receive) -> bytes:
    """Return the whole body of a request. Raises: Refusal if the client went away."""
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal(400, "client_gone", "The client closed the connection.")
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


async def _discard(scope: Scope, receive: Receive, limits: HttpSettings) -> None:
    """Read on for a moment: a client that still sends when its connection closes sees no answer."""
    if any(name == b"expect" for name, _ in scope["headers"]):
        return  # this client waits for our word before it sends
    more, read = True, 0
    with suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE):
            while more and read <= limits.max_bytes:
                message = await receive()
                read += len(message.get("body", b""))
                more = message.get("more_body", False)


def _announced(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:19])
    return 0


def _too_large(limits: HttpSettings) -> Refusal:
    return Refusal(
        413,
        "too_large",
        f"The body has more than {limits.max_bytes:,} bytes.",
        {"Connection": "close"},
    )
