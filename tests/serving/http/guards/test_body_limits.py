"""Bodies over a socket: too large, too slow, too many, or without end."""

import http.client
import socket
import threading
import time

PREDICT = "/v1/tasks/insects/predict"


def raw(server, head: str, *parts: bytes, pause: float = 0.0) -> bytes:
    """Send a request by hand and return all that comes back."""
    with socket.create_connection(server.address, timeout=10) as sent:
        sent.sendall(f"POST {PREDICT} HTTP/1.1\r\nHost: localhost\r\n{head}\r\n\r\n".encode())
        for part in parts:
            time.sleep(pause)
            try:
                sent.sendall(part)
            except OSError:
                break
        answer = b""
        try:
            while piece := sent.recv(65536):
                answer += piece
        except OSError:
            pass
        return answer


def post(server, content: bytes, path: str = PREDICT) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(*server.address, timeout=15)
    connection.request("POST", path, content)
    answer = connection.getresponse()
    found = answer.status, dict(answer.getheaders()), answer.read()
    connection.close()
    return found


def test_a_body_that_announces_too_much_is_refused(server_with, tasks):
    server = server_with(max_bytes=1000)
    status, headers, body = post(server, b"x" * 1001)
    assert (status, headers["connection"]) == (413, "close")
    assert b"more than 1,000 bytes" in body
    assert post(server, b"image:1".ljust(1000))[0] == 200
    assert [size for _, size, _ in tasks.seen] == [1000]


def test_a_client_that_waits_for_permission_is_refused_at_once(server_with):
    server = server_with(max_bytes=1000)
    began = time.monotonic()
    answer = raw(server, "Content-Length: 99999\r\nExpect: 100-continue")
    assert answer.startswith(b"HTTP/1.1 413")
    assert time.monotonic() - began < 1.5


def test_a_body_without_a_length_is_refused_while_it_arrives(server_with, tasks):
    server = server_with(max_bytes=1000)
    chunk = b"190\r\n" + b"x" * 400 + b"\r\n"
    answer = raw(server, "Transfer-Encoding: chunked", *[chunk] * 20, b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413")
    assert tasks.seen == []


def test_a_body_that_trickles_is_refused_after_its_time(server_with):
    server = server_with(body_seconds=0.3)
    answer = raw(server, "Content-Length: 100", *[b"x"] * 6, pause=0.1)
    assert answer.startswith(b"HTTP/1.1 408")


def test_headers_that_trickle_lose_their_connection(server_with, monkeypatch):
    from lpt.serving.http.guards.connection_guard import GuardedConnection

    monkeypatch.setattr(GuardedConnection, "header_seconds", 0.3)
    server = server_with()
    with socket.create_connection(server.address, timeout=5) as slow:
        began = time.monotonic()
        slow.sendall(b"GET / HTTP/1.1\r\n")
        assert slow.recv(100) == b""
        assert time.monotonic() - began < 3
    with socket.create_connection(server.address, timeout=5) as good:
        for _ in range(2):  # the second request has a clock of its own
            good.sendall(b"GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = b""
            while b"true" not in answer:
                answer += good.recv(4096)
            assert b"200 OK" in answer
        good.sendall(b"GET ")
        assert good.recv(100) == b""


def test_bodies_together_are_bounded_and_their_room_comes_back(server_with, tasks):
    server = server_with(max_buffered_bytes=3000)
    first = threading.Thread(target=post, args=(server, b"slow:".ljust(2000)))
    first.start()
    while not tasks.seen:
        time.sleep(0.01)
    status, headers, body = post(server, b"image:0".ljust(2000))
    assert (status, headers["retry-after"]) == (429, "1")
    assert b"memory_full" in body
    tasks.gate.set()
    first.join()
    assert post(server, b"image:0".ljust(2000))[0] == 200


def test_a_full_queue_is_refused_with_a_time_to_retry(server, tasks):
    tasks.room = 1
    first = threading.Thread(target=post, args=(server, b"slow:"))
    first.start()
    while not tasks.seen:
        time.sleep(0.01)
    began = time.monotonic()
    status, headers, body = post(server, b"image:0")
    assert time.monotonic() - began < 0.5
    assert (status, headers["retry-after"]) == (429, "3")
    assert b"queue_full" in body
    tasks.gate.set()
    first.join()


def test_images_of_a_request_that_fails_half_way_are_taken_back(client, tasks):
    tasks.room = 1
    files = [("image", (f"{i}.png", b"slow:", "image/png")) for i in range(3)]
    answer = client.post(PREDICT, files=files)
    assert answer.status_code == 429
    tasks.gate.set()


def test_a_client_that_leaves_cancels_what_waits(server, tasks):
    tasks.pool._max_workers = 1  # the second image waits for the first
    with socket.create_connection(server.address) as leaving:
        body = b'{"images": ["c2xvdzo=", "aW1hZ2U6MA=="]}'
        head = f"POST {PREDICT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        leaving.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        while len(tasks.seen) < 2:
            time.sleep(0.01)
    ends = time.monotonic() + 5
    while not tasks.cancelled and time.monotonic() < ends:
        time.sleep(0.01)
    assert tasks.cancelled == 1


def test_clients_that_do_not_finish_do_not_keep_the_others_from_an_answer(server):
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n".encode()
    slow = [socket.create_connection(server.address) for _ in range(300)]
    for one in slow:
        one.sendall(head + b"x")
    for _ in range(5):
        began = time.monotonic()
        assert post(server, b"image:0")[0] == 200
        assert time.monotonic() - began < 2
    for one in slow:
        one.close()
