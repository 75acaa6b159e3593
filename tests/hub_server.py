"""A small hub on loopback, which speaks as much of the hub's protocol as its own client needs."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hf_secret"


class Hub:
    """Repositories in memory: commits in order, each a mapping of files, and names of revisions."""

    def __init__(self) -> None:
        self.commits: dict[str, dict[str, dict[str, bytes]]] = {}
        self.private: set[str] = set()
        self.objects: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.damaged = False
        self.stated_size: int | None = None
        self.url = ""

    def commit(self, repository: str, files: dict[str, bytes]) -> str:
        held = self.commits.setdefault(repository, {})
        latest = next(reversed(held.values()), {})
        everything = {**latest, **files}
        facts = repr(sorted((n, hashlib.sha1(c).hexdigest()) for n, c in everything.items()))
        sha = hashlib.sha1(f"{len(held)} {facts}".encode()).hexdigest()
        held[sha] = everything
        return sha

    def find(self, repository: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        held = self.commits.get(repository, {})
        if revision == "main" and held:
            return next(reversed(held.items()))
        found = [sha for sha in held if len(revision) >= 7 and sha.startswith(revision)]
        return (found[0], held[found[0]]) if found else None


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._serve()

    def do_GET(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        content = self._body()
        self.hub.objects[hashlib.sha256(content).hexdigest()] = content
        self._answer(b"", 200)

    def do_POST(self) -> None:
        self._post(self._path(), self._body())

    def _post(self, path: str, body: bytes) -> None:
        hub = self.hub
        if path == "/api/validate-yaml":
            self._json({"errors": [], "warnings": []})
            return
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._json({"error": "Invalid credentials"}, 401)
            return
        if path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            if name in hub.commits:
                self._json({"url": f"{hub.url}/{name}"}, 409)
                return
            hub.commits[name] = {}
            if asked.get("private") or asked.get("visibility") == "private":
                hub.private.add(name)
            self._json({"url": f"{hub.url}/{name}"})
            return
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/preupload/.+", path):
            modes = [
                {
                    "path": file["path"],
                    "uploadMode": "lfs" if file["path"].endswith(".safetensors") else "regular",
                    "shouldIgnore": False,
                }
                for file in json.loads(body)["files"]
            ]
            self._json({"files": modes})
            return
        if path.endswith(".git/info/lfs/objects/batch"):
            objects = [
                {**wanted, "actions": {"upload": {"href": f"{hub.url}/lfs/{wanted['oid']}"}}}
                for wanted in json.loads(body)["objects"]
            ]
            self._json({"transfer": "basic", "objects": objects})
            return
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/.+", path):
            files: dict[str, bytes] = {}
            for line in body.decode().splitlines():
                entry = json.loads(line)
                value = entry["value"]
                if entry["key"] == "file":
                    files[value["path"]] = base64.b64decode(value["content"])
                elif entry["key"] == "lfsFile":
                    files[value["path"]] = hub.objects[value["oid"]]
            sha = hub.commit(match[1], files)
            url = f"{hub.url}/{match[1]}/commit/{sha}"
            self._json({"success": True, "commitOid": sha, "commitUrl": url})
            return
        self._json({"error": f"no {path}"}, 404)

    def _serve(self) -> None:
        hub, path = self.hub, self._path()
        match = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
        if match is None:
            self._json({"error": f"no {path}"}, 404)
            return
        repository, revision, name = match.groups()
        allowed = self.headers.get("Authorization") == f"Bearer {TOKEN}"
        if repository not in hub.commits or (repository in hub.private and not allowed):
            self._refuse("RepoNotFound", 401)
            return
        found = hub.find(repository, revision)
        if found is None:
            self._refuse("RevisionNotFound", 404)
            return
        sha, files = found
        if name not in files:
            self._refuse("EntryNotFound", 404, sha)
            return
        content = files[name]
        digest = hashlib.sha256(content).hexdigest()
        self.send_response(200)
        self.send_header("X-Repo-Commit", sha)
        self.send_header("ETag", f'"{digest}"')
        size = hub.stated_size or len(content)
        self.send_header("X-Linked-Size", str(size))
        self.send_header("X-Linked-Etag", f'"{digest}"')
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content[:-1] + b"?" if hub.damaged else content)

    def _path(self) -> str:
        path = self.path.partition("?")[0]
        self.hub.requests.append(f"{self.command} {path}")
        return path

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _refuse(self, code: str, status: int, sha: str = "") -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        if sha:
            self.send_header("X-Repo-Commit", sha)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _json(self, value: object, status: int = 200) -> None:
        self._answer(json.dumps(value).encode(), status)

    def _answer(self, content: bytes, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def running_hub() -> Iterator[Hub]:
    """Serve a new hub on a free port of loopback."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
