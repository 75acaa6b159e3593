"""Thresholds by group reach the precision or the share of predictions that was asked for."""

import numpy as np
import pytest

from lpt.errors import ParameterError
from lpt.task.decisions.group_thresholds import GroupThresholds
from lpt.task.prediction import Prediction
from lpt.task_records import GroupScores

from ...test_task_file import spec_for
from ...tiny import backbone_of, write_backbone

NAMES, COUNTS = ("many", "other", "few"), (300, 50, 5)


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    backbone = backbone_of(write_backbone(tmp_path_factory.mktemp("vit") / "vit.safetensors"))
    right, wrong = np.linspace(0.3, 1, 71), np.linspace(0.1, 0.7, 61)
    scores = {
        "many": GroupScores(right=tuple(right), wrong=tuple(wrong)),
        "medium": GroupScores(right=(0.5,) * 20, wrong=(0.6,) * 20),
        "few": GroupScores(right=(0.9,) * 3),
    }
    known = {"own": (0.5,)}
    scores = {k: v.model_copy(update=known) for k, v in scores.items()}
    return spec_for(backbone, class_names=NAMES, class_counts=COUNTS, validation=scores)


def answer(label: str, probability: float) -> Prediction:
    return Prediction("x.jpg", (label,), (probability,), ())


def test_the_lowest_threshold_that_is_precise_enough_is_taken(spec):
    found = GroupThresholds.of(spec, precision=0.9).by_group["many"]
    assert found.correct >= 0.9 * found.kept
    right = np.array(spec.validation["many"].right)
    wrong = np.array(spec.validation["many"].wrong)
    below = right[right < found.lowest].max()
    assert (right >= below).sum() < 0.9 * ((right >= below).sum() + (wrong >= below).sum())


def test_a_group_that_cannot_be_precise_is_unsure_as_a_whole(spec):
    found = GroupThresholds.of(spec, precision=0.9)
    assert found.unsure(answer("other", 0.999))
    assert found.unsure(answer("few", 0.999))  # three predictions say too little
    assert not found.unsure(answer("many", 0.999))
    assert "no threshold reaches it on 40 validation predictions" in found.lines()[1]


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.99])
def test_the_wanted_share_is_kept_in_each_group(spec, share):
    for threshold in GroupThresholds.of(spec, keep=share).by_group.values():
        assert threshold.kept >= share * threshold.images
    many = GroupThresholds.of(spec, keep=share).by_group["many"]
    assert many.kept <= share * many.images + 2


def test_one_of_the_two_is_asked_for(spec):
    with pytest.raises(ParameterError, match="give one of them"):
        GroupThresholds.of(spec)
    with pytest.raises(ParameterError, match=r"precision 1\.5"):
        GroupThresholds.of(spec, precision=1.5)
