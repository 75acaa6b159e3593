"""The file of a task that shares a graph is validated as a task file is."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from lpt.errors import TaskFileError
from lpt.task.exported.graph_inputs import TaskInputs
from lpt.task.exported.input_file import read_inputs, write_inputs
from lpt.task.path_kinds import is_exported, is_input_file

from ...test_task_file import model_for, spec_for
from ...tiny import backbone_of, write_backbone


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    backbone = backbone_of(write_backbone(folder / "vit.safetensors"))
    spec = spec_for(backbone)
    inputs = TaskInputs.of(model_for(backbone, spec), spec.temperature)
    write_inputs(folder / "birds.safetensors", inputs, spec)
    return folder / "birds.safetensors"


def changed(file: Path, path: Path, tensors: dict, metadata: dict) -> Path:
    with safe_open(file, "pt") as held:
        own = {name: held.get_tensor(name) for name in held.keys()}  # noqa: SIM118
        about = held.metadata()
    kept = {name: t for name, t in {**own, **tensors}.items() if t is not None}
    save_file(kept, path, {**about, **metadata})
    return path


def test_what_was_written_is_read(file):
    given = read_inputs(file)
    assert given.spec.name == "birds"
    assert given.tensors["classifier"].norm(dim=1).tolist() == pytest.approx([1, 1, 1])
    assert is_input_file(file)
    assert not is_input_file(file.with_name("vit.safetensors"))
    assert not is_input_file(file.parent)
    assert is_exported(file)
    assert not is_exported(file.with_name("vit.safetensors"))


@pytest.mark.parametrize(
    ("tensors", "metadata"),
    [
        ({"keys": None}, {}),
        ({"keys": torch.zeros(5, 16)}, {}),
        ({"extra": torch.zeros(1)}, {}),
        ({"classifier": torch.full((3, 16), torch.nan)}, {}),
        ({"shared_keys": torch.zeros(3)}, {}),
        ({"temperature": torch.tensor([1e9])}, {}),
        ({}, {"lpt_inputs": "9"}),
        ({}, {"spec": "{}"}),
        ({}, {"spec": json.dumps({"name": "x"})}),
    ],
)
def test_damage_is_an_error_of_one_line(file, tmp_path, tensors, metadata):
    path = changed(file, tmp_path / "t.safetensors", tensors, metadata)
    with pytest.raises(TaskFileError) as refused:
        read_inputs(path)
    assert len(str(refused.value).splitlines()) == 1
