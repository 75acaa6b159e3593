"""A task file is read without its backbone, and a new one is written with its history."""

import json

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from lpt.errors import LptError, ParameterError, TaskFileError
from lpt.task.editing.task_parts import check_new_file, read_parts, save_parts
from lpt.task.task_digest import task_digest
from lpt.task_file import load_task, read_spec
from lpt.task_records import MOST_EDITS

from ...serving.many_tasks import save, task_of
from ...tiny import backbone_of, write_backbone


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    return backbone_of(write_backbone(tmp_path_factory.mktemp("vit") / "vit.safetensors"))


@pytest.fixture
def file(backbone, tmp_path):
    return save(task_of(backbone), tmp_path / "task.safetensors")


def edited(parts, **changes):
    facts = {"action": "rename-class", "classes": ("ant",), "result": "emmet"}
    names, counts = parts.spec.class_names, parts.spec.class_counts
    return parts.edited(parts.classifier, names, counts, **{**facts, **changes})


def test_a_file_that_is_read_and_written_is_the_same(file, tmp_path):
    copy = tmp_path / "copy.safetensors"
    size = save_parts(copy, read_parts(file))
    assert copy.read_bytes() == file.read_bytes()
    assert size == file.stat().st_size


def test_a_change_is_recorded_with_the_file_that_it_changed(file, tmp_path, backbone):
    out = tmp_path / "new" / "task.safetensors"
    save_parts(out, edited(read_parts(file)))
    (entry,) = read_spec(out).history
    assert (entry.action, entry.classes, entry.result) == ("rename-class", ("ant",), "emmet")
    assert entry.source == task_digest(file)
    assert load_task(out, backbone)[1].metrics == {}


def test_only_a_file_with_a_history_has_the_new_format(file, tmp_path):
    out = tmp_path / "new.safetensors"
    save_parts(out, edited(read_parts(file)))
    found = {}
    for path in (file, out):
        with safe_open(path, "pt") as opened:
            found[path] = opened.metadata()
    assert (found[file]["lpt_task"], found[out]["lpt_task"]) == ("2", "3")
    assert "history" not in json.loads(found[file]["spec"])


def test_a_history_is_bounded_and_keeps_the_latest(file):
    parts = read_parts(file)
    for number in range(3):
        parts = edited(parts, result=f"name {number}")
    long = parts.spec.history * MOST_EDITS
    spec = parts.spec.model_copy(update={"history": long[:MOST_EDITS]})
    full = edited(type(parts)(spec, parts.tensors, parts.digest), result="last")
    assert len(full.spec.history) == MOST_EDITS
    assert full.spec.history[-1].result == "last"


def test_names_of_any_length_fit_into_a_history(file):
    classes = tuple(f"{i} " + "x" * 9000 for i in range(100))
    entry = edited(read_parts(file), classes=classes, result="y" * 9000).spec.history[-1]
    assert len(entry.classes) == 20
    assert max(map(len, entry.classes)) <= 200


def test_nothing_is_replaced(file, tmp_path):
    (tmp_path / "link.safetensors").symlink_to(tmp_path / "nowhere")
    for taken in (file, tmp_path / "link.safetensors"):
        with pytest.raises(ParameterError, match="exists already"):
            check_new_file(taken)
    with pytest.raises(ParameterError, match=r"ends in \.safetensors"):
        check_new_file(tmp_path / "task.pt")
    with pytest.raises(LptError, match="cannot be written"):
        check_new_file(file / "task.safetensors")


def test_a_classifier_that_does_not_fit_its_classes_is_refused(file, tmp_path):
    tensors = load_file(file)
    with safe_open(file, "pt") as opened:
        metadata = opened.metadata()
    bad = tmp_path / "bad.safetensors"
    save_file({**tensors, "classifier": tensors["classifier"][:2].clone()}, bad, metadata)
    with pytest.raises(TaskFileError, match="does not fit its classes"):
        read_parts(bad)
    nan = tensors["keys"].clone().fill_(float("nan"))
    save_file({**tensors, "keys": nan}, bad, metadata)
    with pytest.raises(TaskFileError, match="keys holds values that are not finite"):
        read_parts(bad)
