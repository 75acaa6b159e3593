"""Serve a folder of tasks by two replicas on a local Ray, ask them, and print what came back.

`python two_replicas.py FOLDER BACKBONE PHOTO`; a process of its own, since Ray leaves programs and
warnings behind in the one that starts it.
"""

import json
import os
import socket
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_raylet_start_wait_time_s": "120"}

import ray
from ray import serve

from lpt.serving.ray_serve.ray_app import REPLICAS, application

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


def main(folder: str, backbone: str, photo: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ray.init(num_cpus=2, include_dashboard=False, object_store_memory=100 * 2**20)
    try:
        serve.start(http_options={"port": port})
        app = application(folder=Path(folder), backbone=backbone, device="cpu", cpus=0.5)
        serve.run(app, name=APP)
        found = ask_all(f"http://127.0.0.1:{port}", Path(photo).read_bytes())
    finally:
        serve.shutdown()
        ray.shutdown()
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
