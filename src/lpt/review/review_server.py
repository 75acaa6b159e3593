"""Serve a review on this machine only: a page, pictures, and calls that write decisions.

The address contains a token that only the terminal shows, so no web page and no other user of the
machine can read pictures or write decisions. Requests under another host name are refused, because
a web page could point a name of its own at this machine. Only the standard library is used.
"""

import json
import re
import secrets
import sys
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from lpt.errors import ConfigError, DataError, LptError
from lpt.escape import json_text
from lpt.files.json_files import Record, validated_json
from lpt.review.run_review import RunReview
from lpt.serving.http.guards.safe_headers import PAGE_POLICY, SAFE_HEADERS

__all__ = ["ReviewServer"]

HOST = "127.0.0.1"
MOST_BODY = 10_000
"""Bytes of a decision."""

SECONDS = 30
"""Longest time that a connection may be silent."""

_POLL = 0.05  # seconds until `stop` is noticed
_JSON = "application/json"
_FILES = {
    "": ("lpt.review", "page/review.html", "text/html; charset=utf-8"),
    "review.css": ("lpt.review", "page/review.css", "text/css; charset=utf-8"),
    "review_page.js": ("lpt.review", "page/review_page.js", "text/javascript; charset=utf-8"),
    "icon.svg": ("lpt.serving.http.page", "icon.svg", "image/svg+xml"),
}
_IMAGE = re.compile(r"images/(train|val|test)-(\d{1,12})")


class _Decision(Record):
    """What the page sends."""

    item: Annotated[int, Field(ge=0, lt=2**31)]
    decision: Literal["confirm", "change", "drop"] | None
    corrected: Annotated[str, Field(max_length=4000)] = ""


_DECISION = TypeAdapter(_Decision)


class ReviewServer:
    """A server of one review, in threads of this process.

    Args:
        review: the review.
        port: of this machine; 0 takes a free one.

    Attributes:
        review: the review.
        url: of the page, with the token.
    Raises: ConfigError for a port that is in use.
    """

    def __init__(self, review: RunReview, port: int = 0) -> None:
        self.review, self._finished = review, threading.Event()
        token = secrets.token_urlsafe(24)
        try:
            self._server = _Server((HOST, port), _Handler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ConfigError(f"port {port}: cannot be used ({reason}). Choose another.") from error
        bound = self._server.server_address[1]
        self._server.review, self._server.prefix = review, f"/{token}/"
        self._server.hosts = frozenset(f"{name}:{bound}" for name in (HOST, "localhost"))
        self._server.finish = self._finished.set
        self.url = f"http://{HOST}:{bound}/{token}/"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL,), daemon=True
        )
        self._thread.start()

    def wait(self) -> None:
        """Wait until the person ends the review on the page."""
        self._finished.wait()

    def stop(self) -> None:
        """End the server; decisions that arrived are written."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> "ReviewServer":
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    review: RunReview
    prefix: str
    hosts: frozenset[str]
    finish: Callable[[], None]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print an error, unless the browser only left before its answer was complete."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Answer one connection."""

    server: _Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "lpt", ""
    timeout = SECONDS

    def do_GET(self) -> None:
        """Send the page, its files, the items, or a picture."""
        if (path := self._path()) is None:
            return
        if path in _FILES:
            package, name, kind = _FILES[path]
            content = resources.files(package).joinpath(name).read_bytes()
            self._send(200, content, kind, {"Content-Security-Policy": PAGE_POLICY})
        elif path == "items":
            self._answer(lambda: json_text(self.server.review.to_json()).encode())
        elif match := _IMAGE.fullmatch(path):
            self._picture(match[1], int(match[2]))
        else:
            self._refuse(404, "There is no such page.")

    def do_POST(self) -> None:
        """Take a decision, or the end of the review."""
        if (path := self._path()) is None:
            return
        body = self._body()
        if body is None:
            return
        if path == "decisions":
            self._answer(lambda: self._decide(body))
        elif path == "finish":
            self._send(200, b"{}", _JSON)
            self.server.finish()
        else:
            self._refuse(404, "There is no such call.")

    def _path(self) -> str | None:
        """Return the path below the token; None once the request is refused."""
        if self.headers.get("Host", "").lower() not in self.server.hosts:
            self._refuse(421, "This server does not answer to this host name.")
        elif not secrets.compare_digest(
            self.path[: len(self.server.prefix)].encode(), self.server.prefix.encode()
        ):
            self._refuse(404, "Open the address that the terminal shows.")
        else:
            return self.path[len(self.server.prefix) :]
        return None

    def _body(self) -> bytes | None:
        """Return the body; None once the request is refused."""
        origin = self.headers.get("Origin")
        length = self.headers.get("Content-Length", "")
        if origin is not None and origin.removeprefix("http://").lower() not in self.server.hosts:
            self._refuse(403, "Another web page may not decide.")
        elif self.headers.get("Content-Type") != _JSON:
            self._refuse(415, "Send JSON.")
        elif not re.fullmatch(r"\d{1,9}", length) or int(length) > MOST_BODY:
            self._refuse(413, "The request is too large, or has no length.")
        else:
            return self.rfile.read(int(length))
        return None

    def _decide(self, body: bytes) -> bytes:
        given = validated_json(
            _DECISION, body, lambda reason: ConfigError(f"not a decision: {reason}.")
        )
        review = self.server.review
        if given.item >= len(review.items):
            raise ConfigError(f"item {given.item}: there are {len(review.items)}.")
        decided = review.decide(given.item, given.decision, given.corrected)
        return json.dumps({"decided": decided}).encode()

    def _answer(self, make: Callable[[], bytes]) -> None:
        """Send what a function returns, or the error that a user can cause."""
        try:
            content = make()
        except LptError as error:
            self._refuse(400, str(error))
        else:
            self._send(200, content, _JSON)

    def _picture(self, split: str, index: int) -> None:
        part = self.server.review.data.splits.get(split)
        if part is None or index >= len(part):
            self._refuse(404, "There is no such image.")
            return
        try:
            content = self.server.review.picture((split, index))
        except DataError:
            self._refuse(404, "This image cannot be decoded.")
        else:
            self._send(200, content, "image/jpeg")

    def _refuse(self, status: int, text: str) -> None:
        self.close_connection = True  # what follows was not read
        self._send(status, json.dumps({"error": text}).encode(), _JSON, {"Connection": "close"})

    def _send(
        self, status: int, content: bytes, kind: str, headers: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        all_headers = {**SAFE_HEADERS, **(headers or {}), "Content-Type": kind}
        for name, value in {**all_headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer a request that is not HTTP, without repeating any of it."""
        del message, explain
        self._refuse(code, "This request cannot be answered.")

    def log_message(self, format: str, *args: object) -> None:
        """Write no log: the address has the token."""
