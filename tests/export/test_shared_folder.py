"""Tasks that share a backbone share one graph, and differ only in small files."""

from pathlib import Path

import pytest
import torch

import lpt
from lpt.backbones import load_backbone
from lpt.errors import ConfigError, TaskFileError
from lpt.export import export_shared
from lpt.task import Task
from lpt.task.exported.input_file import graph_path
from lpt.task_file import save_task

from ..test_task_file import model_for, spec_for
from ..tiny import backbone_of, write_backbone


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tasks of other classes, pools, prompts and adapters, and their exports in `shared`."""
    root = tmp_path_factory.mktemp("shared")
    vit = write_backbone(root / "vit.safetensors")
    backbone = backbone_of(vit)
    few = {"class_names": ("wren", "owl"), "class_counts": (4, 5)}
    kinds = {"birds": {}, "more": {**few, "pool_size": 6, "prompt_length": 3}}
    kinds |= {"both": {**few, "classifier_passes": "both"}}
    kinds |= {"narrow": {"adapter_width": 2}, "wide": {"adapter_width": 5, "pool_size": 6}}
    for name, changes in kinds.items():
        spec = spec_for(backbone, name=name, **changes)
        save_task(root / f"{name}.safetensors", model_for(backbone, spec), spec)
        export_shared(root / f"{name}.safetensors", root / "shared", backbone=str(vit))
    both_tokens = load_backbone(str(vit), feature="class+patches")
    spec = spec_for(both_tokens, name="patches")
    save_task(root / "patches.safetensors", model_for(both_tokens, spec), spec)
    export_shared(root / "patches.safetensors", root / "shared", backbone=str(vit))
    return root


def test_a_graph_is_written_once_and_all_tasks_predict_as_before(folder):
    """One for plain tasks, for adapters of any width, for both passes, and for both tokens."""
    graphs = sorted(path.stem for path in (folder / "shared").glob("*.onnx"))
    plain = graphs[1]
    start, end = plain.split("-k1")
    tokens = f"{start}-class+patches-k1{end}"
    assert graphs == [tokens, plain, f"{plain}-adapters", f"{plain}-both"]
    images = torch.rand(3, 3, 18, 18)
    for name in ("birds", "more", "both", "narrow", "wide", "patches"):
        own = lpt.load(
            folder / f"{name}.safetensors", backbone=str(folder / "vit.safetensors"), device="cpu"
        )
        shared = lpt.load(folder / "shared" / f"{name}.safetensors")
        assert shared.class_names == own.class_names
        expected = pytest.approx(own.predict_proba(images), abs=1e-5)
        assert shared.predict_proba(images) == expected


def test_tasks_in_use_share_one_session(folder):
    birds = lpt.load(folder / "shared" / "birds.safetensors")
    more = lpt.load(folder / "shared" / "more.safetensors")
    assert birds.onnx.session is more.onnx.session


def test_a_task_is_not_overwritten_and_a_folder_has_one_data_type(folder):
    vit = str(folder / "vit.safetensors")
    with pytest.raises(ConfigError, match="exists already"):
        export_shared(folder / "birds.safetensors", folder / "shared", backbone=vit)
    (folder / "third.safetensors").write_bytes((folder / "birds.safetensors").read_bytes())
    with pytest.raises(ConfigError, match="holds products of float32"):
        export_shared(folder / "third.safetensors", folder / "shared", backbone=vit, dtype="int8")


def test_the_graph_alone_is_no_task(folder):
    (graph,) = (folder / "shared").glob("*px-k1-t2.onnx")
    with pytest.raises(TaskFileError, match=r"Give the \.safetensors file of one"):
        lpt.load(graph)


def test_the_name_of_the_graph_follows_from_the_metadata(folder):
    task = lpt.load(folder / "shared" / "birds.safetensors")
    assert isinstance(task, Task)
    assert graph_path(folder, task.spec).name == (
        f"vit-{task.spec.backbone.sha256[:12]}-16px-k1-t2.onnx"
    )
