"""What a task adds to the memory of a server."""

import sys

import pytest

from lpt.backbones import load_backbone
from lpt.bench.random_tasks import random_spec, write_random_task
from lpt.bench.serve_memory import memory_per_task
from lpt.bench.workload import CLASSES, SHAPE
from lpt.errors import LptError
from lpt.serving.task_tables import table_bytes

BACKBONE = "vit_tiny_patch8_64"


def test_a_further_task_takes_no_more_than_a_fifth_beyond_its_tables(tmp_path):
    backbone = load_backbone(BACKBONE)
    for i in range(2):
        spec = random_spec(backbone, f"task-{i}", CLASSES, SHAPE)
        write_random_task(tmp_path / f"{spec.name}.safetensors", backbone, spec, i)
    size = table_bytes(backbone.depth, backbone.width, spec)
    found = memory_per_task(BACKBONE, tmp_path, 24, size)
    assert found["bytes_per_task"] / size == found["memory_ratio"]
    assert 0.9 < found["memory_ratio"] <= 1.2


def test_a_child_that_fails_is_an_error_of_one_line(tmp_path, monkeypatch):
    child = tmp_path / "python"
    child.write_text("#!/bin/sh\necho Traceback >&2\necho no such backbone >&2\nexit 1\n")
    child.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(child))
    with pytest.raises(LptError, match=r"could not be measured \(no such backbone\)"):
        memory_per_task("vit", tmp_path, 1, 1)
