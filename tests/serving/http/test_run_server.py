"""Start, drain, stop: what was accepted is answered, what comes later is refused."""

import http.client
import socket
import threading
import time

import pytest

from lpt.errors import LptError
from lpt.serving.http import HttpSettings
from lpt.serving.http.run_server import serve_until_signal

from .fake_tasks import FakeTasks

PREDICT = "/v1/tasks/insects/predict"


def post(server, content: bytes, into: list[int] | None = None) -> int:
    connection = http.client.HTTPConnection(*server.address, timeout=15)
    connection.request("POST", PREDICT, content)
    status = connection.getresponse().status
    connection.close()
    if into is not None:
        into.append(status)
    return status


def get(server, path: str) -> int:
    connection = http.client.HTTPConnection(*server.address, timeout=5)
    connection.request("GET", path)
    status = connection.getresponse().status
    connection.close()
    return status


def test_accepted_images_are_answered_and_later_ones_refused(server, tasks):
    statuses: list[int] = []
    waiting = [threading.Thread(target=post, args=(server, b"slow:", statuses)) for _ in range(5)]
    for one in waiting:
        one.start()
    while len(tasks.seen) < 5:
        time.sleep(0.01)
    server.begin_stop()
    while not tasks.draining:
        time.sleep(0.01)
    assert get(server, "/v2/health/live") == 200
    assert get(server, "/v2/health/ready") == 503
    assert post(server, b"image:0") == 503
    tasks.gate.set()
    assert server.stop() is True
    for one in waiting:
        one.join()
    assert statuses == [200] * 5


def test_the_grace_period_is_kept(server_with, tasks):
    server = server_with(grace_seconds=0.3)
    statuses: list[int] = []

    waiting = threading.Thread(target=post, args=(server, b"slow:", statuses))
    waiting.start()
    while not tasks.seen:
        time.sleep(0.01)
    began = time.monotonic()
    assert server.stop() is False
    assert time.monotonic() - began < 4
    waiting.join()
    assert statuses == [503]


def test_a_port_in_use_is_an_error_of_one_line_and_closes_the_service(tasks):
    closed = FakeTasks()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LptError, match="cannot be used"):
            serve_until_signal(closed, HttpSettings(port=port))
    assert closed.gate.is_set()


def test_connections_over_the_limit_are_refused(server_with):
    server = server_with(max_connections=3)
    held = [socket.create_connection(server.address) for _ in range(3)]
    time.sleep(0.1)
    assert get(server, "/v2/health/live") == 503
    for one in held:
        one.close()
