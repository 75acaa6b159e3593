"""A task that leaves this machine tells neither its folders nor the classes that it had before."""

import pytest

from lpt.task.hub.public_spec import public_spec
from lpt.task_records import TaskEdit

from ...test_task_file import spec_for
from ...tiny import backbone_of, write_backbone


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    backbone = backbone_of(write_backbone(tmp_path_factory.mktemp("secret") / "vit.safetensors"))
    edit = TaskEdit(action="remove-class", classes=("me",), source="0" * 64, date="2026-11-28")
    return spec_for(backbone, history=(edit,))


def test_neither_folders_nor_the_history_are_told(spec):
    assert "secret" in spec.backbone.name
    public = public_spec(spec).model_dump_json()
    assert "secret" not in public
    assert "remove-class" not in public


def test_everything_else_stays(spec):
    public = public_spec(spec)
    kept = set(type(spec).model_fields) - {"backbone", "history"}
    assert all(getattr(public, name) == getattr(spec, name) for name in kept)
    assert public.backbone.sha256 == spec.backbone.sha256
