"""Metrics against hand-worked numbers, against scikit-learn, and for any input."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    precision_recall_fscore_support,
    top_k_accuracy_score,
)

from lpt.data.class_groups import ClassGroups
from lpt.errors import DataError, ShapeError, TrainingError
from lpt.evaluation import evaluate, metrics
from lpt.records import Predictions


def predictions(chosen: list[int], labels: list[int], classes: int) -> Predictions:
    logits = np.eye(classes, dtype=np.float32)[chosen]
    return Predictions(logits, np.array(labels, dtype=np.int64))


def random_predictions(seed: int, images: int, classes: int) -> Predictions:
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(images, classes)).astype(np.float32)
    labels = generator.integers(classes, size=images)
    logits[np.arange(images), labels] += 1
    return Predictions(logits, labels)


def test_a_small_split_by_hand() -> None:
    """Many: class 0, 3 of 4. Medium: classes 1 and 2, 1 of 3. Few: class 3, 0 of 1."""
    measured = evaluate(
        predictions([0, 0, 0, 1, 1, 0, 0, 0], [0, 0, 0, 0, 1, 1, 2, 3], 4), [500, 100, 20, 19]
    )
    assert measured.overall == 4 / 8
    assert (measured.many, measured.medium, measured.few) == (3 / 4, 1 / 3, 0)
    assert measured.macro == pytest.approx((3 / 4 + 1 / 2 + 0 + 0) / 4)
    first = measured.class_scores[0]
    assert (first.predicted, first.correct, first.recall, first.precision) == (6, 3, 3 / 4, 3 / 6)
    assert first.f1 == pytest.approx(2 * 3 / (4 + 6))


def test_groups_pool_images_not_classes() -> None:
    """Nine hits of nine in one class, none of one in the other: 0.9, where a class mean is 0.5."""
    measured = evaluate(predictions([0] * 10, [0] * 9 + [1], 2), [5, 5])
    assert measured.few == 0.9
    assert measured.macro == 0.5


def test_group_bounds_are_a_parameter() -> None:
    answers = predictions([0, 1], [0, 1], 2)
    usual = evaluate(answers, [20, 101])
    published = evaluate(answers, [20, 101], ClassGroups(few_below=21))
    assert (usual.medium, usual.few) == (1.0, None)
    assert (published.medium, published.few) == (None, 1.0)


def test_classes_without_test_images_are_left_out_of_macro_and_counted() -> None:
    measured = evaluate(predictions([0, 2, 1], [0, 0, 1], 4), [9, 9, 9, 9])
    assert measured.classes_without_test == 2
    assert measured.macro == pytest.approx((1 / 2 + 1) / 2)
    named, absent = measured.class_scores[2:]
    assert (named.recall, named.precision, named.f1) == (None, 0.0, 0.0)
    assert (absent.recall, absent.precision, absent.f1) == (None, None, None)


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_scikit_learn(seed: int) -> None:
    answers = random_predictions(seed, images=200, classes=12)
    measured = evaluate(answers, np.arange(12) * 20)
    chosen = answers.logits.argmax(axis=1)
    precision, recall, f1, support = precision_recall_fscore_support(
        answers.labels, chosen, labels=range(12), zero_division=np.nan
    )
    assert measured.overall == accuracy_score(answers.labels, chosen)
    assert measured.macro == pytest.approx(balanced_accuracy_score(answers.labels, chosen))
    assert measured.top5 == top_k_accuracy_score(
        answers.labels, answers.logits, k=5, labels=range(12)
    )
    for i, score in enumerate(measured.class_scores):
        ours = [score.recall, score.precision, score.f1]
        theirs = [recall[i], precision[i], f1[i]]
        np.testing.assert_allclose(np.array(ours, dtype=float), theirs)
        assert score.test_images == support[i]


def test_top_five_needs_more_than_five_classes() -> None:
    assert evaluate(random_predictions(0, 10, 5), [1] * 5).top5 is None
    assert evaluate(random_predictions(0, 10, 6), [1] * 6).top5 is not None


def test_ties_go_to_the_lowest_class() -> None:
    flat = Predictions(np.zeros((7, 7), np.float32), np.arange(7))
    measured = evaluate(flat, [1] * 7)
    assert [score.correct for score in measured.class_scores] == [1, 0, 0, 0, 0, 0, 0]
    assert measured.top5 == 5 / 7


@settings(deadline=None)
@given(
    seed=st.integers(0, 1000),
    images=st.integers(1, 60),
    classes=st.integers(1, 9),
    chunk=st.integers(1, 100),
)
def test_any_split_is_counted_once_whatever_the_chunks(
    seed: int, images: int, classes: int, chunk: int
) -> None:
    answers = random_predictions(seed, images, classes)
    counts = np.random.default_rng(seed).integers(0, 200, size=classes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metrics, "CHUNK_VALUES", chunk)
        chunked = evaluate(answers, counts)
    whole = evaluate(answers, counts)
    assert chunked == whole
    assert sum(score.images for score in whole.group_scores.values()) == images
    assert sum(score.classes for score in whole.group_scores.values()) == classes
    assert sum(score.correct for score in whole.group_scores.values()) == whole.correct
    assert sum(score.predicted for score in whole.class_scores) == images
    assert all(value is None or 0 <= value <= 1 for value in whole.summary().values())


@settings(deadline=None)
@given(seed=st.integers(0, 1000))
def test_renaming_the_classes_changes_nothing(seed: int) -> None:
    answers = random_predictions(seed, 40, 6)
    counts, order = np.array([500, 90, 40, 19, 3, 0]), np.random.default_rng(seed).permutation(6)
    renamed = Predictions(answers.logits[:, order], order.argsort()[answers.labels])
    before, after = evaluate(answers, counts), evaluate(renamed, counts[order])
    assert after.summary() == pytest.approx(before.summary())
    assert after.group_scores == before.group_scores


def test_logits_may_be_a_memory_map(tmp_path: Path) -> None:
    answers = random_predictions(0, 50, 7)
    np.save(tmp_path / "logits.npy", answers.logits)
    mapped = Predictions(np.load(tmp_path / "logits.npy", mmap_mode="r"), answers.labels)
    assert evaluate(mapped, [3] * 7) == evaluate(answers, [3] * 7)


@pytest.mark.parametrize(
    ("logits", "labels", "counts", "error"),
    [
        (np.zeros((0, 2)), [], [1, 1], DataError),
        (np.zeros((2, 2)), [0], [1, 1], ShapeError),
        (np.zeros(2), [0, 1], [1, 1], ShapeError),
        (np.zeros((1, 2)), [0], [1, 1, 1], ShapeError),
        (np.zeros((1, 2)), [2], [1, 1], ShapeError),
        (np.zeros((1, 2)), [-1], [1, 1], ShapeError),
        (np.array([[0, np.nan]]), [0], [1, 1], TrainingError),
        (np.array([[0, np.inf]]), [0], [1, 1], TrainingError),
    ],
)
def test_input_that_does_not_fit_is_named(
    logits: np.ndarray, labels: list, counts: list, error: type[Exception]
) -> None:
    with pytest.raises(error, match=r"^predictions: .+\. .+"):
        evaluate(Predictions(logits, np.array(labels, dtype=np.int64)), counts)


def test_names_must_fit_the_classes() -> None:
    with pytest.raises(ShapeError, match="1 class names"):
        evaluate(predictions([0], [0], 2), [1, 1], class_names=["one"])
