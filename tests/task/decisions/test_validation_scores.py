"""A task stores what decisions need of its validation images, and no more."""

import numpy as np
import pytest

from lpt.data.class_groups import ClassGroups
from lpt.errors import ConfigError
from lpt.task.decisions import validation_scores as module
from lpt.task.decisions.validation_scores import check_stored, validation_scores

from ...serving.many_tasks import task_of
from ...tiny import backbone_of, write_backbone

COUNTS = (300, 50, 5)
PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.5, 0.4, 0.1], [0.2, 0.7, 0.1], [0.3, 0.1, 0.6]])
LABELS = np.array([0, 1, 1, 0])


def test_scores_are_of_the_true_and_of_the_predicted_class():
    found = validation_scores(PROBABILITIES, LABELS, COUNTS, ClassGroups())
    assert found["many"].own == (0.3, 0.7)
    assert (found["many"].right, found["many"].wrong) == ((0.7,), (0.5,))
    assert (found["medium"].own, found["medium"].right) == ((0.4, 0.7), (0.7,))
    assert (found["few"].own, found["few"].wrong) == ((), (0.6,))


def test_a_group_without_classes_is_left_out():
    found = validation_scores(PROBABILITIES[:, :2], LABELS, (300, 200), ClassGroups())
    assert list(found) == ["many"]


def test_the_number_of_stored_images_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "MOST_IMAGES", 10)
    many = np.tile(PROBABILITIES, (25, 1))
    found = validation_scores(many, np.tile(LABELS, 25), COUNTS, ClassGroups())
    assert sum(len(scores.own) for scores in found.values()) == 10


def test_a_task_without_scores_says_how_to_get_them(tmp_path):
    task = task_of(backbone_of(write_backbone(tmp_path / "vit.safetensors")))
    with pytest.raises(ConfigError, match=r"no validation scores.*init-from"):
        check_stored(task.spec)
