"""The outermost layer of every request: its id, its log line, its measures, safe headers."""

import asyncio
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lpt.serving.http.error_answers import error_response
from lpt.serving.http.guards.safe_headers import SAFE_HEADERS
from lpt.serving.http.json_log import log_error, log_event

__all__ = ["HandledRequest", "RequestGate"]

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_PROBES = frozenset({"/v2/health/live", "/v2/health/ready", "/metrics"})
"""Routes that machines ask every few seconds: their successes are not logged."""


@dataclass(frozen=True)
class HandledRequest:
    """A request that was answered.

    Attributes:
        route: the path's template, such as "/v1/tasks/{task}"; "other" for an unknown path.
        method, status: of HTTP; 499 if the client went away first.
        seconds: from the first byte of the request to the last of the answer.
    """

    route: str
    method: str
    status: int
    seconds: float


class RequestGate:
    """An ASGI layer around an application.

    It gives every request an id (the client's X-Request-Id if it is plain), refuses host names
    that are not allowed (so that no web page reaches a local server under a name of its own),
    adds safe headers, answers what nobody expected with 500 and an id instead of a traceback, and
    writes one line of log.

    Args:
        app: the application inside.
        hosts: accepted host names in lower case; None accepts all.
        on_request: called after every request.
    """

    def __init__(
        self,
        app: ASGIApp,
        hosts: frozenset[str] | None = None,
        on_request: Callable[[HandledRequest], None] | None = None,
    ) -> None:
        self._app, self._hosts, self._on_request = app, hosts, on_request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a connection, as ASGI calls it."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return  # no websockets
        began, headers = time.perf_counter(), Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if _ID.fullmatch(given) else uuid.uuid4().hex
        scope["request_id"] = request_id
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(message, request_id)
            await send(message)

        try:
            if self._allows(headers.get("host", "")):
                await self._app(scope, receive, answer)
            else:
                text = "This server does not answer to this host name."
                await error_response(421, "wrong_host", text, request_id)(scope, receive, answer)
        except asyncio.CancelledError:  # the grace period is over
            if status:
                raise
            text = "The server stopped before this request was answered."
            await error_response(503, "stopped", text, request_id)(scope, receive, answer)
        except Exception as error:
            log_error("unexpected error", error, request_id=request_id)
            if status == 0:
                text = "Internal error. The log of the server has the details under this id."
                await error_response(500, "internal", text, request_id)(scope, receive, answer)
        finally:
            self._finish(scope, request_id, status, time.perf_counter() - began)

    def _allows(self, host: str) -> bool:
        if self._hosts is None:
            return True
        name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
        return name.lower() in self._hosts

    def _finish(self, scope: Scope, request_id: str, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        route = getattr(scope.get("route"), "path", "other")
        if scope.get("client_gone"):
            status = 499
        facts: dict[str, Any] = scope.get("log_facts", {})
        if route not in _PROBES or status != 200:
            log_event(
                "request",
                request_id=request_id,
                method=method,
                route=route,
                status=status,
                seconds=round(seconds, 6),
                **facts,
            )
        if self._on_request is not None:
            self._on_request(HandledRequest(route, method, status, seconds))


def _add_headers(message: Message, request_id: str) -> None:
    headers = MutableHeaders(scope=message)
    headers["X-Request-Id"] = request_id
    for name, value in SAFE_HEADERS.items():
        headers.setdefault(name, value)
