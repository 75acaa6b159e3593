"""Confusions and classes that need more data, on cases worked by hand."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from lpt.analysis.confusions import exact_interval, find_confusions, short_of_data, worst_pair
from lpt.analysis.logit_digest import ImageScores, measure_scores
from lpt.data.class_groups import ClassGroups
from lpt.evaluation import ClassScore


def judged(
    labels: list[int], chosen: list[int], counts: list[int]
) -> tuple[ImageScores, tuple[ClassScore, ...]]:
    sure = np.ones(len(labels), dtype=np.float32)
    scores = ImageScores(np.array(labels), np.array(chosen)[:, None], sure[:, None], sure, sure)
    names = [f"c{i}" for i in range(len(counts))]
    return scores, measure_scores(scores, counts, ClassGroups(), names).class_scores


def test_pairs_are_the_entries_of_the_confusion_matrix() -> None:
    stream = np.random.default_rng(0)
    labels, chosen = stream.integers(7, size=(2, 80))
    scores, classes = judged(labels.tolist(), chosen.tolist(), [5] * 7)
    matrix = confusion_matrix(labels, chosen)
    found = find_confusions(scores, classes)
    assert {(c.class_id, c.taken_for, c.images, c.of, c.back) for c in found} == {
        (i, j, matrix[i, j], matrix[i].sum(), matrix[j, i])
        for i in range(7)
        for j in range(7)
        if i != j and matrix[i, j]
    }


def test_often_seen_ranks_above_once_of_once() -> None:
    labels = [0] * 20 + [1]
    scores, classes = judged(labels, [2] * 15 + [0] * 5 + [2], [50, 3, 200])
    first, second = find_confusions(scores, classes)
    assert (first.class_id, first.images, first.of) == (0, 15, 20)
    assert (second.class_id, second.images, second.of) == (1, 1, 1)
    assert first.rare_for_frequent
    assert second.rare_for_frequent


def test_worst_pair_counts_both_ways() -> None:
    labels = [0] * 10 + [1] * 10 + [2] * 10
    chosen = [1] * 4 + [0] * 6 + [0] * 4 + [1] * 6 + [1] * 5 + [2] * 5
    scores, classes = judged(labels, chosen, [9] * 3)
    found = worst_pair(find_confusions(scores, classes), classes)
    assert found is not None
    assert (found.one, found.two, found.there, found.back) == (0, 1, 4, 4)
    assert worst_pair((), classes) is None


def test_two_classes_confused_once_are_not_the_worst_pair() -> None:
    labels, chosen = [0] + [1] * 10 + [2] * 10, [1] + [1] * 10 + [2] * 10
    scores, classes = judged(labels, chosen, [2, 30, 30])
    assert worst_pair(find_confusions(scores, classes), classes) is None
    chosen = [1, 2, *[1] * 9, 1, *[2] * 9]
    scores, classes = judged(labels, chosen, [2, 30, 30])
    found = worst_pair(find_confusions(scores, classes), classes)
    assert found is not None
    assert (found.one, found.two, found.there, found.back) == (1, 2, 1, 1)


def test_short_classes_are_rare_and_significantly_worse() -> None:
    labels = [0] * 40 + [1] * 10 + [2] * 2 + [3] * 10
    chosen = [0] * 40 + [0] * 9 + [1] + [0, 2] + [3] * 10
    scores, classes = judged(labels, chosen, [500, 12, 4, 6, 30])
    found = short_of_data(scores, classes, find_confusions(scores, classes))
    assert [(s.class_id, s.taken_for, s.train_images) for s in found] == [(1, 0, 12)]
    assert found[0].recall == pytest.approx(0.1)


def test_exact_interval_of_published_cases() -> None:
    """10 of 20: 27.2 to 72.8 %; 0 of 1 and 0 of 5 by hand: 1 - 0.025 ** (1 / n)."""
    assert exact_interval(10, 20) == pytest.approx((0.2720, 0.7280), abs=1e-4)
    low, high = exact_interval(10, 20, level=99)
    assert low < 0.2720 < 0.7280 < high
    assert exact_interval(0, 0) == (0, 1)
    assert exact_interval(0, 1) == pytest.approx((0, 0.975))
    assert exact_interval(0, 5) == pytest.approx((0, 1 - 0.025 ** (1 / 5)))
    assert exact_interval(5, 5) == pytest.approx((0.025 ** (1 / 5), 1))


def test_one_wrong_image_is_not_significant() -> None:
    scores, classes = judged([0] * 12 + [1], [0] * 13, [40, 2])
    assert short_of_data(scores, classes, find_confusions(scores, classes)) == ()


def test_two_images_against_nine_are_not_rare_for_frequent() -> None:
    scores, classes = judged([0] * 5, [1] * 5, [2, 9])
    (found,) = find_confusions(scores, classes)
    assert not found.rare_for_frequent


def test_a_class_of_two_test_images_is_never_called_significantly_worse() -> None:
    labels = [0] * 400 + [1] * 4 + [2] * 5
    scores, classes = judged(labels, [0] * 409, [500, 3, 3])
    found = short_of_data(scores, classes, find_confusions(scores, classes))
    assert [c.class_id for c in found] == [2]
