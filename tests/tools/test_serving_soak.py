"""Small versions of the soak: every answer is checked, and a wrong one would be noticed."""

import socket
import struct
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tools.serving_soak.all_parts import soak
from tools.serving_soak.made_tasks import Expected
from tools.serving_soak.slow_clients import SlowClients
from tools.serving_soak.verdict import faults

from ..serving.many_tasks import write_lively
from ..tiny import backbone_of


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    return backbone_of(write_lively(tmp_path_factory.mktemp("vit") / "vit.safetensors"))


@pytest.mark.slow
def test_mixed_requests_get_the_answers_of_their_task_while_tasks_are_replaced(backbone):
    found = soak(backbone, tasks=9, requests=200)
    assert found["faults"] == []
    mixed = found["mixed"]
    assert mixed["outcomes"] == {"ok": 200}
    assert mixed["evictions"] > 0
    assert mixed["replaced"] > 0


@pytest.mark.slow
def test_loading_and_unloading_leaves_nothing_behind(backbone):
    found = soak(backbone, cycles=20)
    assert found["faults"] == []


def test_overload_is_refused_and_what_was_accepted_is_answered_once(backbone):
    found = soak(backbone, overload=1.0)
    assert found["faults"] == []
    assert found["overload"]["refused"] > 0
    assert found["overload"]["accepted"] > 0


def test_slow_clients_hold_their_connections_and_open_lost_ones_again():
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/v1/tasks/task/predict"
        with SlowClients(url, 3) as slow:
            assert slow.open == 3
            first, _ = server.accept()
            assert first.recv(500).startswith(b"POST /v1/tasks/task/predict HTTP/1.1")
            first.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            first.close()
            ends = time.monotonic() + 10
            while not slow.reopened and time.monotonic() < ends:
                time.sleep(0.05)
            assert slow.reopened == 1


def test_an_answer_of_another_task_or_version_would_be_noticed():
    expected = Expected(
        [], {"a@1": np.array([[0.25, 0.75]])}, {"a@1": ("a/0", "a/1"), "a@2": ("b/0", "b/1")}
    )

    def problem(**changes):
        right = {"task": "a", "version": "a@1", "labels": ("a/0", "a/1")}
        right["probabilities"] = torch.tensor([0.25, 0.75])
        return expected.problem("a", 0, SimpleNamespace(**{**right, **changes}))

    assert problem() is None
    assert problem(task="b")
    assert problem(version="b@1")
    assert problem(version="a@2")
    assert problem(labels=("b/0", "b/1"))
    assert problem(probabilities=torch.tensor([0.75, 0.25]))


def test_broken_promises_are_named():
    state = {"bytes": 1000, "threads": 3, "files": 9}
    cycles = {"before": state, "after": {"bytes": 1020, "threads": 4, "files": 9}}
    assert len(faults({"cycles": cycles})) == 2
    mixed = {"outcomes": {"ok": 9}, "requests": 10, "wrong": [], "most_bytes": 2, "budget_bytes": 1}
    assert len(faults({"mixed": mixed})) == 2
    assert faults({"slow": {"p99_ratio": 1.19}}) == []
    assert len(faults({"slow": {"p99_ratio": 1.21}})) == 1
