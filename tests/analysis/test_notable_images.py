"""Label errors are found in every shot group, and a hard rare class is not one."""

import numpy as np

from lpt.analysis.logit_digest import ImageScores
from lpt.analysis.notable_images import (
    isolation,
    label_errors,
    most_isolated,
    most_typical,
    worst_mistakes,
)

GROUPS = {"many": np.array([0, 1]), "few": np.array([2, 3])}


def images(rows: list[tuple[int, int, float, float]]) -> ImageScores:
    """Rows of (label, other class, probability of the label, probability of the other)."""
    labels, other = (np.array([r[i] for r in rows]) for i in (0, 1))
    own, rest = (np.array([r[i] for r in rows], dtype=np.float32) for i in (2, 3))
    top, shares = np.stack([labels, other], 1), np.stack([own, rest], 1)
    order = np.argsort(-shares, axis=1)
    top, shares = np.take_along_axis(top, order, 1), np.take_along_axis(shares, order, 1)
    return ImageScores(labels, top, shares, own, shares[:, 0])


def test_a_planted_error_leads_and_a_hard_tail_class_is_not_listed() -> None:
    rows = [(0, 1, 0.9, 0.05)] * 30 + [(1, 0, 0.9, 0.05)] * 30
    rows += [(2, 0, 0.1, 0.7)] * 30  # a hard class: all predicted as class 0
    rows += [(3, 0, 0.6, 0.2)] * 10
    rows[7] = (0, 1, 0.02, 0.95)  # planted among the frequent
    rows[95] = (3, 0, 0.02, 0.95)  # planted among the rare
    scores = images(rows)
    order, suggested, margins = label_errors(scores, GROUPS, 4)
    assert order.tolist() == [7, 95]
    assert suggested.tolist() == [1, 0]
    assert margins[0] > margins[1] > 0
    by_probability = np.argsort(scores.own, kind="stable")[:32]
    assert set(range(60, 90)) <= set(by_probability.tolist())  # sorting by own probability lists it


def test_a_class_with_one_image_is_judged_by_its_group() -> None:
    rows = [(2, 0, 0.8, 0.1)] * 20 + [(0, 1, 0.8, 0.1)] * 20 + [(3, 0, 0.01, 0.97)]
    assert label_errors(images(rows), GROUPS, 4)[0].tolist() == [40]


def test_right_and_sure_images_are_never_suspect() -> None:
    order, suggested, margins = label_errors(images([(0, 1, 0.9, 0.1)] * 5), GROUPS, 4)
    assert (len(order), len(suggested), len(margins)) == (0, 0, 0)


def test_worst_mistakes_are_wrong_and_the_surest_first() -> None:
    scores = images([(0, 1, 0.4, 0.6), (0, 1, 0.9, 0.1), (1, 0, 0.02, 0.98)])
    assert worst_mistakes(scores).tolist() == [2, 0]


def test_most_typical_is_one_image_per_class_rarest_first() -> None:
    scores = images([(0, 1, 0.4, 0.3), (0, 1, 0.9, 0.1), (2, 0, 0.3, 0.2), (2, 0, 0.5, 0.2)])
    assert most_typical(scores, np.array([90, 50, 3, 1])).tolist() == [3, 1]


def test_an_image_predicted_as_another_class_is_not_typical() -> None:
    scores = images([(0, 1, 0.3, 0.4), (0, 1, 0.25, 0.1), (2, 0, 0.4, 0.6)])
    assert most_typical(scores, np.array([90, 50, 3])).tolist() == [1]


def test_isolation_is_the_distance_to_the_nearest_known_image() -> None:
    bank = np.array([[1, 0], [0, 1]], dtype=np.float32)
    asked = np.array([[2, 0], [1, 1], [-1, 0]], dtype=np.float32)
    distance = isolation(asked, bank)
    np.testing.assert_allclose(distance, [0, 1 - np.sqrt(0.5), 1], atol=1e-6)
    assert most_isolated(distance).tolist() == [2, 1, 0]
