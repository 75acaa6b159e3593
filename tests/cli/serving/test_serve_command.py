"""lpt serve: what it refuses before it loads anything, and a server from start to SIGTERM."""

import http.client
import json
import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from lpt.cli.serving import serve_command

from ..running import refused

GOLDEN = Path(__file__).parents[2] / "golden" / "v0_1"
RUN = str(GOLDEN / "run")


def test_without_a_task_there_is_nothing_to_serve(command):
    refused(command("serve"), "no task given", "--tasks DIR")


@pytest.mark.parametrize("task", ["nosuch", "birds=nosuch", "birds=no/such"])
def test_a_task_that_does_not_exist_is_named(command, task):
    refused(command("serve", task), task.removeprefix("birds="), "no such file")


def test_a_folder_that_does_not_exist_is_named(command):
    refused(command("serve", "--tasks", "nosuch"), "nosuch", "no such folder")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.1"])
def test_other_machines_are_let_in_only_when_asked(command, host):
    refused(command("serve", RUN, "--host", host), host, "--allow-public")


def test_admin_calls_need_a_token_of_some_length(command, monkeypatch):
    monkeypatch.delenv("LPT_ADMIN_TOKEN", raising=False)
    refused(command("serve", RUN, "--admin-port", "9000"), "LPT_ADMIN_TOKEN")
    monkeypatch.setenv("LPT_ADMIN_TOKEN", "short")
    refused(command("serve", RUN, "--admin-port", "9000"), "16 characters")


def test_a_missing_extra_is_one_line_that_installs_it(command, monkeypatch):
    def absent(name: str):
        return None if name == "fastapi" else find_spec(name)

    monkeypatch.setattr(serve_command, "find_spec", absent)
    refused(command("serve", RUN), "needs fastapi", "pip install 'lpt[serve]'")


@pytest.mark.slow
def test_a_server_answers_as_lpt_predict_does_and_ends_on_sigterm(tmp_path):
    token = "a token of some length"
    words = [sys.executable, "-m", "lpt", "serve", f"digits={RUN}", "--port", "0"]
    words += ["--admin-port", "0", "--device", "cpu", "--grace", "10"]
    server = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "LPT_ADMIN_TOKEN": token},
    )
    try:
        assert server.stdout is not None
        port, admin = (int(server.stdout.readline().strip().rpartition(":")[2]) for _ in range(2))
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        image = (GOLDEN / "images" / "7.png").read_bytes()
        connection.request("POST", "/v1/tasks/digits/predict?top=3", image)
        (found,) = json.load(connection.getresponse())["predictions"]
        expected = json.loads((GOLDEN / "predictions.json").read_text())["7.png"]
        assert [one["label"] for one in found["classes"]] == expected["labels"][:3]
        assert [one["probability"] for one in found["classes"]] == pytest.approx(
            expected["probabilities"][:3], abs=1e-5
        )
        assert found["matched"] == expected["matched"]
        connection.request("POST", "/v1/tasks/digits/predict", b"no image")
        refusal = connection.getresponse()
        assert refusal.status == 422
        assert str(GOLDEN) not in refusal.read().decode()
        connection.close()
        admin_call = http.client.HTTPConnection("127.0.0.1", admin, timeout=60)
        headers = {"Authorization": f"Bearer {token}"}
        admin_call.request("POST", "/v2/repository/index", headers=headers)
        (listed,) = json.load(admin_call.getresponse())
        assert (listed["name"], listed["state"]) == ("digits", "READY")
        admin_call.close()
        server.send_signal(signal.SIGTERM)
        _, log = server.communicate(timeout=60)
        assert server.returncode == 0, log
    finally:
        server.kill()
        server.communicate()
    events = [json.loads(line)["event"] for line in log.splitlines()]
    assert events[0] == "start"
    assert events[-2:] == ["drain", "stop"]
    assert token not in log
