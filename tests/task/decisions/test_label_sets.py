"""Sets hold the true class as often as asked, on new images of the same distribution."""

import numpy as np
import pytest

from lpt.data.class_groups import ClassGroups
from lpt.errors import ParameterError
from lpt.evaluation.conformal import conformal_thresholds
from lpt.task.decisions.label_sets import LabelSets
from lpt.task.decisions.validation_scores import validation_scores
from lpt.task.prediction import Prediction
from lpt.task_spec import TaskSpec

from ...test_task_file import spec_for
from ...tiny import backbone_of, write_backbone

COUNTS = (300, 200, 50, 30, 8, 3)
NAMES = tuple("abcdef")


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    return backbone_of(write_backbone(tmp_path_factory.mktemp("vit") / "vit.safetensors"))


def drawn(images: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of a model that knows rare classes worse."""
    random = np.random.default_rng(seed)
    labels = random.choice(6, images, p=np.array(COUNTS) / sum(COUNTS))
    logits = random.normal(size=(images, 6))
    logits[np.arange(images), labels] += np.array([3, 3, 2, 2, 0.5, 0.5])[labels]
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True), labels


def spec(backbone, images: int = 1500) -> TaskSpec:
    probabilities, labels = drawn(images, 0)
    scores = validation_scores(probabilities, labels, COUNTS, ClassGroups())
    return spec_for(backbone, class_names=NAMES, class_counts=COUNTS, validation=scores)


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_new_images_are_covered_together_and_within_each_group(backbone, coverage):
    probabilities, labels = drawn(6000, 1)
    groups = ClassGroups().of(COUNTS)[labels]
    rows = np.arange(len(labels))
    together = LabelSets.of(spec(backbone), coverage).thresholds.sets(probabilities)
    assert together[rows, labels].mean() > coverage - 0.03  # more: the best class is always in
    assert together[rows, labels][groups == "few"].mean() < coverage
    within = LabelSets.of(spec(backbone), coverage, by_group=True).thresholds.sets(probabilities)
    for group in ("many", "medium", "few"):
        assert within[rows, labels][groups == group].mean() > coverage - 0.06


@pytest.mark.parametrize("by_group", [False, True])
def test_thresholds_are_those_of_the_probabilities_themselves(backbone, by_group):
    probabilities, labels = drawn(1500, 0)
    place = {"many": 0, "medium": 1, "few": 2}
    groups = np.array([place[name] for name in ClassGroups().of(COUNTS)])
    wanted = conformal_thresholds(probabilities, labels, 0.9, groups if by_group else None)
    found = LabelSets.of(spec(backbone), 0.9, by_group=by_group).thresholds
    assert found.lowest == pytest.approx(wanted.lowest, abs=1e-6)


def test_a_set_begins_with_the_most_probable_class(backbone):
    sets = LabelSets.of(spec(backbone), 0.9)
    bar = sets.thresholds.lowest[0]
    probable = Prediction("x", ("c", "a", "b"), (bar * 0.9, bar * 0.8, bar * 0.7), ())
    assert sets.members(probable) == ("c",)
    several = Prediction("x", ("c", "a", "b"), (0.9, bar, bar * 0.7), ())
    assert sets.members(several) == ("c", "a")


def test_too_few_images_promise_nothing_and_it_is_said(backbone):
    probabilities, labels = drawn(40, 0)
    keep = np.isin(labels, [0, 1, 2, 3])
    keep[np.flatnonzero(labels == 4)[:1]] = True
    scores = validation_scores(probabilities[keep], labels[keep], COUNTS, ClassGroups())
    task = spec_for(backbone, class_names=NAMES, class_counts=COUNTS, validation=scores)
    found = LabelSets.of(task, 0.9, by_group=True)
    assert found.notes[2].endswith("too few: all of them enter every set")
    assert found.thresholds.lowest[4:].tolist() == [0, 0]
    with pytest.raises(ParameterError, match="coverage 1"):
        LabelSets.of(task, 1.0)
