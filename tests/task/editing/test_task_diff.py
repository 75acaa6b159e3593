"""Two tasks are compared by class names, directions, tensors and settings."""

import pytest
import torch

from lpt.task.editing.edit_classes import append_class, merge_classes, remove_classes, rename_class
from lpt.task.editing.task_diff import compare_tasks, history_lines
from lpt.task.editing.task_parts import read_parts

from ...serving.many_tasks import save, task_of
from ...tiny import backbone_of, write_backbone


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    root = tmp_path_factory.mktemp("diff")
    backbone = backbone_of(write_backbone(root / "vit.safetensors"))
    fields = {"class_names": ("ant", "bee", "cat"), "class_counts": (9, 5, 1)}
    return read_parts(save(task_of(backbone, **fields), root / "task.safetensors"))


def test_a_task_is_the_same_as_itself(parts):
    found = compare_tasks(parts, parts)
    assert found.same
    assert found.lines() == ["same      classes, prompts and settings"]


def test_added_and_removed_classes_are_named(parts):
    found = compare_tasks(parts, append_class(parts, "dog", torch.ones(16), 3))
    assert (found.added, found.removed, found.moved, found.tensors) == (("dog",), (), (), ())
    assert found.lines() == ["added     1 class: dog"]
    assert compare_tasks(append_class(parts, "dog", torch.ones(16), 3), parts).removed == ("dog",)


def test_a_merged_class_has_moved_and_has_more_images(parts):
    found = compare_tasks(parts, merge_classes(parts, ["ant", "cat"], "ant"))
    assert (found.removed, found.moved) == (("cat",), ("ant",))
    assert found.counts == {"ant": (9, 10)}


def test_order_of_classes_and_length_of_directions_do_not_matter(parts):
    spec = parts.spec.model_copy(
        update={"class_names": ("cat", "ant", "bee"), "class_counts": (1, 9, 5)}
    )
    other = type(parts)(
        spec, {**parts.tensors, "classifier": 4 * parts.classifier[[2, 0, 1]]}, parts.digest
    )
    assert compare_tasks(parts, other).same


def test_other_prompts_and_settings_are_named(parts):
    spec = parts.spec.model_copy(update={"temperature": 0.5})
    tensors = {**parts.tensors, "keys": parts.tensors["keys"] + 1}
    found = compare_tasks(parts, type(parts)(spec, tensors, parts.digest))
    assert (found.tensors, list(found.settings)) == (("keys",), ["temperature"])
    assert found.lines()[-1].startswith("temperature")


def test_a_history_is_one_line_per_change(parts):
    changed = remove_classes(rename_class(parts, "ant", "em\x1bmet"), ["bee"])
    first, second = history_lines(changed.spec.history)
    assert first.split("  ", 1)[1].startswith("rename-class ant -> em\\x1bmet (of ")
    assert "remove-class bee" in second
