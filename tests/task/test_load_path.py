"""A task is loaded from the path of a run folder or a task file."""

from pathlib import Path

import numpy as np
import pytest
import torch

from lpt.errors import ParameterError, TaskFileError
from lpt.task import Task, load
from lpt.task_file import save_task

from ..test_task_file import model_for, spec_for
from ..tiny import backbone_of, write_backbone

GOLDEN = Path(__file__).parents[1] / "golden" / "v0_1" / "run"


@pytest.fixture
def task(tmp_path: Path) -> Task:
    backbone = backbone_of(write_backbone(tmp_path / "vit.safetensors"))
    spec = spec_for(backbone)
    return Task(model_for(backbone, spec), spec)


def test_a_run_folder_and_its_task_file_give_the_same_task():
    run, file = load(GOLDEN), load(str(GOLDEN / "task.safetensors"), device="cpu")
    assert run.spec == file.spec
    assert run.result is not None
    assert file.result is None


def test_a_folder_without_a_task_is_named(tmp_path):
    with pytest.raises(TaskFileError, match=r"task\.safetensors: no such file"):
        load(tmp_path)


def test_it_is_loaded_onto_a_device_of_torch_and_shares_a_backbone(task, tmp_path):
    save_task(tmp_path / "task.safetensors", task.model, task.spec)
    loaded = load(
        str(tmp_path / "task.safetensors"),
        backbone=task.model.backbone,
        device=torch.device("cpu"),
    )
    assert loaded.model.backbone is task.model.backbone
    assert loaded.path == tmp_path / "task.safetensors"
    assert loaded.result is None
    assert repr(loaded).startswith("<lpt.Task 'birds': 3 classes")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"path": 3}, "path: int given"),
        ({"path": "x", "backbone": 5}, "backbone: int given"),
        ({"path": "x", "device": "gpu"}, "device 'gpu': unknown"),
        ({"path": "x", "backbone_weights": "int4"}, "backbone_weights 'int4': give float32, bf16"),
    ],
)
def test_wrong_arguments_of_load_are_named(arguments, said):
    with pytest.raises(ParameterError, match=said):
        load(**arguments)


def test_the_backbone_keeps_its_weights_as_asked():
    task, small = load(GOLDEN, device="cpu"), load(GOLDEN, device="cpu", backbone_weights="int8")
    assert small.model.backbone.weight_bytes < 0.3 * task.model.backbone.weight_bytes
    assert (task.arithmetic, small.arithmetic) == ("cpu", "cpu int8 weights")
    image = np.full((64, 64, 3), 99, dtype=np.uint8)
    usual, rounded = task.predict_proba(image), small.predict_proba(image)
    assert 0 < np.abs(usual - rounded).max() < 0.1
    with pytest.raises(ParameterError, match="the backbone is loaded already"):
        load(GOLDEN, backbone=task.model.backbone, backbone_weights="int8")
