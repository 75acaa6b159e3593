"""Serve a folder of tasks by two replicas on a local Ray, ask them, and print what came back.

`python two_replicas.py FOLDER BACKBONE PHOTO`; a process of its own, since Ray leaves programs and
warnings behind in the one that starts it.
"""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

os.environ |= {
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
    "RAY_raylet_start_wait_time_s": "120",
}

import ray
from ray import serve

from lpt.serving.ray_serve.ray_app import REPLICAS, application

NO_RAY = 77  # exit code: Ray itself did not start, which has 15 seconds for each of its programs
APP, TASKS, ROUNDS = "lpt", ("ant", "bee"), 15


def call(method: str, url: str, content: bytes | None = None) -> tuple[int, Any]:
    """Return status and JSON of an answer."""
    request = urllib.request.Request(url, content, method=method)
    request.add_header("Content-Type", "application/octet-stream")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def ask_all(url: str, photo: bytes) -> dict[str, Any]:
    """Ask both tasks in turn; then for what goes wrong, and how many each replica answered."""

    def ask(task: str, content: bytes = photo, query: str = "") -> tuple[int, Any]:
        return call("POST", f"{url}/v1/tasks/{task}/predict{query}", content)

    first = [ask(task) for task in TASKS]
    time.sleep(3)  # replicas announce which tasks they hold
    statuses = [ask(task)[0] for _ in range(ROUNDS) for task in TASKS]
    handle = serve.get_deployment_handle(REPLICAS, app_name=APP)
    reports = [handle.report.remote().result(timeout_s=60) for _ in range(40)]
    return {
        "first": first,
        "statuses": statuses,
        "listed": call("GET", f"{url}/v1/tasks"),
        "unknown": ask("owl"),
        "bad": ask("ant", b"no image"),
        "ready": call("GET", f"{url}/v2/health/ready"),
        "nearest": ask("ant", photo, "?nearest=3"),
        "answered": {one["replica"]: one["answered"] for one in reports},
    }


@contextmanager
def local_ray() -> Iterator[None]:
    """Run Ray on this machine. Its ports are given, as it waits only 15 s for those it chooses."""
    port, *others = free_ports(5)
    options = ("dashboard-agent-grpc-port", "dashboard-agent-listen-port", "metrics-export-port")
    named = zip((*options, "runtime-env-agent-port"), others, strict=True)
    words = [
        *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"),
        *(
            "--node-ip-address",
            "127.0.0.1",
            "--port",
            str(port),
            "--num-cpus",
            "2",
            "--include-dashboard",
            "false",
        ),
        *("--object-store-memory", str(100 * 2**20), "--disable-usage-stats"),
        *(f"--{name}={number}" for name, number in named),
    ]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as head:
        try:
            ends = time.monotonic() + 300
            while socket.socket().connect_ex(("127.0.0.1", port)) and head.poll() is None:
                assert time.monotonic() < ends, "Ray does not start"
                time.sleep(0.2)
            try:
                ray.init(address=f"127.0.0.1:{port}")
            except ConnectionError as error:
                print(error, file=sys.stderr)
                raise SystemExit(NO_RAY) from None
            yield
            serve.shutdown()
            ray.shutdown()
        finally:
            head.terminate()
            head.wait()


def free_ports(number: int) -> list[int]:
    """Return ports that nobody uses now."""
    with ExitStack() as held:
        sockets = [
            held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)
        ]
        return [one.getsockname()[1] for one in sockets]


def main(folder: str, backbone: str, photo: str) -> None:
    with local_ray():
        (port,) = free_ports(1)
        serve.start(http_options={"port": port})
        app = application(folder=folder, backbone=backbone, device="cpu", cpus=0.5)
        serve.run(app, name=APP)
        found = ask_all(f"http://127.0.0.1:{port}", Path(photo).read_bytes())
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
