"""The tables of a task take the bytes that were computed before they were built."""

import pytest
import torch

from lpt.serving.task_tables import build_tables, table_bytes
from lpt.task_file import read_task

from ..tiny import backbone_of
from .many_tasks import classes, early, save, task_of, write_lively


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    return backbone_of(write_lively(tmp_path_factory.mktemp("vit") / "vit.safetensors"))


@pytest.mark.parametrize(
    "kind",
    [
        {},
        {"phases": 1},
        {"shared_blocks": 3, "prompt_length": 5, "pool_size": 7},
        classes(50),
        {"adapter_width": 3},
        early("auto"),
    ],
)
def test_the_bytes_of_tables_are_known_before_they_are_built(backbone, tmp_path, kind):
    path = save(task_of(backbone, **kind), tmp_path / "task.safetensors")
    _, spec, tensors = read_task(path, lambda spec, sizes: backbone)
    tables = build_tables(backbone, spec, tensors)
    assert tables.nbytes == table_bytes(backbone.depth, backbone.width, spec)
    assert tables.nbytes < 2 * path.stat().st_size
    assert tables.length == spec.prompt_length
    assert tables.adapter_width == spec.adapter_width
    assert tables.top == (spec.top_k if spec.phases == 2 else 0)


@pytest.mark.parametrize(
    ("kind", "match", "margin"),
    [
        ({}, None, None),
        ({}, "early", None),  # without a map
        (early("auto", 0.25), None, 0.25),
        (early("auto", 0.25), "early", 0.0),
        (early("early"), "exact", None),
    ],
)
def test_a_service_may_choose_how_its_tasks_match(backbone, tmp_path, kind, match, margin):
    path = save(task_of(backbone, **kind), tmp_path / "task.safetensors")
    _, spec, tensors = read_task(path, lambda spec, sizes: backbone)
    assert build_tables(backbone, spec, tensors, match).early_margin == margin


def test_moving_tables_keeps_every_number(backbone, tmp_path):
    path = save(task_of(backbone), tmp_path / "task.safetensors")
    _, spec, tensors = read_task(path, lambda spec, sizes: backbone)
    tables = build_tables(backbone, spec, tensors)
    moved = tables.to(torch.device("meta"))
    assert moved.shared.shape == tables.shared.shape
    assert {moved.classes.device.type, moved.adapters.up.device.type} == {"meta"}
    assert tables.to(torch.device("cpu")).shared is tables.shared
