"""A run takes the sizes of prompts and the backbone from the task that it starts from."""

import pytest

from lpt.errors import BackboneError, ConfigError
from lpt.training.phases.start_settings import start_settings, task_file_of

from ...serving.many_tasks import save, task_of
from ...tiny import backbone_of, write_backbone


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    return backbone_of(write_backbone(tmp_path_factory.mktemp("vit") / "vit.safetensors"))


def test_sizes_are_those_of_the_task(backbone, tmp_path):
    file = save(task_of(backbone), tmp_path / "task.safetensors")
    found = start_settings(file, backbone_given=True)
    assert found["prompts.length"] == 2
    assert found["prompts.pool_size"] == 4
    assert found["image_size"] == 16
    assert "backbone" not in found
    assert task_file_of(tmp_path) == file


def test_a_task_of_phase_1_says_nothing_about_the_pool(backbone, tmp_path):
    file = save(task_of(backbone, phases=1), tmp_path / "task.safetensors")
    assert "prompts.pool_size" not in start_settings(file, backbone_given=True)


def test_a_backbone_that_the_file_chooses_is_not_opened(backbone, tmp_path):
    file = save(task_of(backbone), tmp_path / "task.safetensors")
    with pytest.raises(BackboneError, match="is a path, chosen by the file"):
        start_settings(file, backbone_given=False)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match="no such file"):
        start_settings(tmp_path, backbone_given=True)
