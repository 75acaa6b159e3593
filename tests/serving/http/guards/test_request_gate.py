"""Ids, safe headers, host names, and what a client sees of a bug."""

import io
import json

import pytest

from lpt.serving.http.json_log import start_log

PREDICT = "/v1/tasks/insects/predict"


@pytest.fixture
def log():
    stream = io.StringIO()
    start_log(stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_plain_id_of_the_client_is_kept_and_any_other_replaced(client):
    kept = client.get("/v1/tasks", headers={"x-request-id": "order-66.b_1"})
    assert kept.headers["x-request-id"] == "order-66.b_1"
    for bad in ("a b", "x" * 65, "<script>", ""):
        other = client.get("/v1/tasks", headers={"x-request-id": bad}).headers["x-request-id"]
        assert len(other) == 32


def test_every_answer_has_safe_headers(client):
    for path in ("/", "/v1/tasks", "/nosuch", "/metrics"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "access-control-allow-origin" not in headers


def test_other_origins_get_no_permission(client):
    headers = {"origin": "http://evil.example", "access-control-request-method": "POST"}
    assert client.options(PREDICT, headers=headers).status_code == 405


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[::2]:80"])
def test_a_local_server_answers_to_no_other_name(client, tasks, host):
    answer = client.post(PREDICT, content=b"image:0", headers={"host": host})
    assert (answer.status_code, answer.json()["code"]) == (421, "wrong_host")
    assert tasks.seen == []


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]:8000"])
def test_a_local_server_answers_to_its_own_names(client, host):
    assert client.get("/v1/tasks", headers={"host": host}).status_code == 200


def test_a_bug_is_an_id_for_the_client_and_a_traceback_in_the_log(client, log):
    answer = client.post(PREDICT, content=b"bug", headers={"x-request-id": "seven"})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret" not in answer.text
    (error,) = [line for line in log() if line["level"] == "error"]
    assert error["request_id"] == "seven"
    assert "RuntimeError: /secret/path" in error["error"]


def test_a_request_is_one_line_of_the_log_without_its_path(client, log):
    client.post(f"{PREDICT}?top=1", content=b"image:0", headers={"x-request-id": "a1"})
    client.get("/no%1b[31m/such", headers={"x-request-id": "a2"})
    first, second = log()
    assert (first["event"], first["level"]) == ("request", "info")
    assert (first["route"], first["status"]) == ("/v1/tasks/{task}/predict", 200)
    assert (first["task"], first["images"], first["request_id"]) == ("insects", 1, "a1")
    assert first["time"].endswith("Z")
    assert (second["route"], second["status"]) == ("other", 404)
