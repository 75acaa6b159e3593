"""A local S3 server for tests: moto behind a log of requests, which can drop some of them."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

__all__ = ["S3Server", "running_server"]

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing-key",
    "AWS_SECRET_ACCESS_KEY": "testing-secret",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@dataclass(frozen=True)
class S3Server:
    """A running server; `environment` leads every client to it."""

    address: str

    @property
    def environment(self) -> dict[str, str]:
        return {**CREDENTIALS, "AWS_ENDPOINT_URL": self.address}

    def put(self, key: str, data: bytes = b"") -> None:
        """Store BUCKET/KEY, or create BUCKET."""
        self._ask("PUT", f"/{key}", data)

    def remove(self, key: str) -> None:
        self._ask("DELETE", f"/{key}")

    def upload(self, folder: Path, to: str) -> None:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.put(f"{to}/{path.relative_to(folder)}", path.read_bytes())

    def drop(self, count: int) -> None:
        """Answer the next requests with an error."""
        self._ask("GET", f"/drop-requests?{count}")

    def requests(self) -> list[dict[str, Any]]:
        """Requests since the last call: method, path, range, bytes."""
        return json.loads(self._ask("GET", "/log-of-requests"))

    def _ask(self, method: str, path: str, data: bytes | None = None) -> bytes:
        headers = {"Authorization": "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4"}
        headers["Content-Type"] = "application/octet-stream"  # or the body is taken for a form
        request = urllib.request.Request(self.address + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()


@contextmanager
def running_server() -> Iterator[S3Server]:
    """Run a server on the loopback device in a process of its own."""
    pytest.importorskip("s3fs", reason="needs lpt[remote]")
    pytest.importorskip("moto", reason="needs moto[server]")
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", __file__],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **CREDENTIALS},
    )
    try:
        assert process.stdout is not None
        yield S3Server(f"http://127.0.0.1:{int(process.stdout.readline())}")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _serve() -> None:
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    moto, log, left = DomainDispatcherApplication(create_backend_app), [], [0]

    def answer(environ: dict[str, Any], start: Any) -> Any:
        path = environ["PATH_INFO"]
        if path == "/drop-requests":
            left[0] = int(environ["QUERY_STRING"])
            start("200 OK", [])
            return [b""]
        if path == "/log-of-requests":
            start("200 OK", [])
            text = json.dumps(log)
            log.clear()
            return [text.encode()]
        one = {"method": environ["REQUEST_METHOD"], "path": path, "bytes": 0}
        one["range"] = environ.get("HTTP_RANGE")
        log.append(one)
        if left[0] > 0:
            left[0] -= 1
            start("503 Slow Down", [("Content-Length", "0")])
            return [b""]
        body = b"".join(moto(environ, start))
        if one["method"] == "GET":
            one["bytes"] = len(body)
        return [body]

    class Quiet(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log(self, *_: Any) -> None:
            pass

    server = make_server("127.0.0.1", 0, answer, threaded=True, request_handler=Quiet)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    _serve()
