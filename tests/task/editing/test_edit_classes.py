"""Classes change; everything else of a task, and every other prediction, stays."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lpt.errors import DataError, ParameterError
from lpt.task.editing.edit_classes import (
    append_class,
    merge_classes,
    remove_classes,
    rename_class,
)
from lpt.task.editing.task_parts import TaskParts
from lpt.task_file import save_task

from ...serving.many_tasks import task_of, write_lively
from ...tiny import backbone_of

NAMES, COUNTS = ("ant", "bee", "cat", "dog"), (30, 12, 6, 3)


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    backbone = backbone_of(write_lively(tmp_path_factory.mktemp("vit") / "vit.safetensors"))
    return task_of(backbone, class_names=NAMES, class_counts=COUNTS)


@pytest.fixture(scope="module")
def parts(task, tmp_path_factory) -> TaskParts:
    from lpt.task.editing.task_parts import read_parts

    file = tmp_path_factory.mktemp("task") / "task.safetensors"
    save_task(file, task.model, task.spec)
    return read_parts(file)


def test_a_renamed_class_keeps_its_place_and_the_scores(parts):
    found = rename_class(parts, "bee", "honey bee")
    assert found.spec.class_names == ("ant", "honey bee", "cat", "dog")
    assert found.spec.metrics == parts.spec.metrics
    assert torch.equal(found.classifier, parts.classifier)


def test_removed_classes_go_and_the_others_keep_their_directions(parts):
    found = remove_classes(parts, ["dog", "ant"])
    assert (found.spec.class_names, found.spec.class_counts) == (("bee", "cat"), (12, 6))
    assert torch.equal(found.classifier, parts.classifier[1:3])
    assert found.spec.metrics == {}
    assert found.spec.history[-1].classes == ("dog", "ant")


def test_merged_classes_have_the_mean_direction_and_all_images(parts):
    found = merge_classes(parts, ["dog", "bee"], "pet")
    assert (found.spec.class_names, found.spec.class_counts) == (("ant", "pet", "cat"), (30, 15, 6))
    unit = F.normalize(parts.classifier, dim=1)
    merged = F.normalize(found.classifier, dim=1)
    assert torch.allclose(merged[1], F.normalize(unit[1] + unit[3], dim=0), atol=1e-6)
    assert torch.equal(found.classifier[[0, 2]], parts.classifier[[0, 2]])
    assert merge_classes(parts, ["dog", "bee"], "dog").spec.class_names == ("ant", "dog", "cat")


def test_an_appended_class_is_the_last(parts):
    direction = torch.randn(16)
    found = append_class(parts, "eel", direction, 5)
    assert found.spec.class_names == (*NAMES, "eel")
    assert found.spec.class_counts == (*COUNTS, 5)
    assert torch.allclose(F.normalize(found.classifier[-1], dim=0), F.normalize(direction, dim=0))
    assert torch.equal(found.classifier[:-1], parts.classifier)
    assert found.spec.history[-1].images == 5


def test_parts_that_a_change_does_not_concern_are_the_same(parts):
    for found in (remove_classes(parts, ["ant"]), merge_classes(parts, ["ant", "bee"], "bug")):
        for name in parts.tensors.keys() - {"classifier"}:
            assert found.tensors[name] is parts.tensors[name]
        kept = ("name", "backbone", "temperature", "prior_power", "top_k")
        assert all(getattr(found.spec, n) == getattr(parts.spec, n) for n in kept)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda p: rename_class(p, "bees", "x"), "no class 'bees'. Nearest: bee"),
        (lambda p: rename_class(p, "bee", "ant"), "'ant' exists already"),
        (lambda p: rename_class(p, "bee", "  "), "not empty"),
        (lambda p: remove_classes(p, ["cats"]), "Nearest: cat"),
        (lambda p: remove_classes(p, ["ant", "bee", "cat"]), "leaves 1; a task needs 2"),
        (lambda p: merge_classes(p, ["ant", "ant"], "x"), "two or more"),
        (lambda p: merge_classes(p, ["ant", "bee"], "dog"), "'dog' exists already"),
        (lambda p: merge_classes(p, NAMES, "animal"), "leaves 1"),
        (lambda p: append_class(p, "ant", torch.ones(16), 1), "'ant' exists already"),
    ],
)
def test_a_change_that_makes_no_task_is_refused(parts, change, said):
    with pytest.raises(ParameterError, match=said):
        change(parts)


def test_names_that_no_task_file_holds_are_refused(parts):
    with pytest.raises(DataError, match="not UTF-8"):
        rename_class(parts, "ant", "\udc80")


def test_a_removed_class_is_not_predicted_and_others_are_as_before(task, parts, tmp_path):
    from lpt.task import Task
    from lpt.task.editing.task_parts import save_parts
    from lpt.task_file import load_task

    pictures = np.random.default_rng(0).random((8, 16, 16, 3))
    before = task.predict_proba(pictures)
    save_parts(tmp_path / "new.safetensors", remove_classes(parts, ["ant"]))
    after = Task(*load_task(tmp_path / "new.safetensors", task.model.backbone))
    left = before[:, 1:] / before[:, 1:].sum(axis=1, keepdims=True)
    assert after.predict_proba(pictures) == pytest.approx(left, abs=1e-5)
