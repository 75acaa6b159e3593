"""Which prompts serve which classes, on a case worked by hand."""

import numpy as np
import pytest

from lpt.analysis.matching import match_classes, nearest_keys

KEYS = np.array([[1, 0], [0, 2], [-1, 0]], dtype=np.float32)
GROUPS = {"many": [0], "medium": [2], "few": [1]}


def toward(degrees: list[float]) -> np.ndarray:
    angles = np.deg2rad(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_nearest_keys_ignore_lengths_and_come_in_order() -> None:
    assert nearest_keys(5 * toward([10, 80, 170]), KEYS, 2).tolist() == [[0, 1], [1, 0], [2, 1]]


def test_shares_of_a_hand_worked_case() -> None:
    queries = toward([10, 20, 80, 100, 170])
    found = match_classes(queries, np.array([0, 0, 0, 1, 1]), KEYS, 2, GROUPS)
    shares = {(c.class_id, c.prompt): (c.best, c.second) for c in found.classes}
    assert shares == {
        (0, 0): pytest.approx((2 / 3, 1 / 3)),
        (0, 1): pytest.approx((1 / 3, 2 / 3)),
        (1, 1): pytest.approx((0.5, 0.5)),
        (1, 2): pytest.approx((0.5, 0.5)),
    }
    assert [u.best for u in found.use] == pytest.approx([0.4, 0.4, 0.2])
    assert [u.matched for u in found.use] == pytest.approx([0.6, 1.0, 0.4])
    assert found.use[1].best_of == {"many": pytest.approx(1 / 3), "medium": None, "few": 0.5}
    assert found.effective == pytest.approx(0.4**-0.8 * 0.2**-0.2)
    assert found.key_similarity == ((1, 0, -1), (0, 1, 0), (-1, 0, 1))


def test_classes_join_the_family_of_their_favourite_prompt() -> None:
    labels = np.array([0, 0, 1, 2, 2])
    found = match_classes(toward([10, 20, 5, 80, 30]), labels, KEYS, 2, GROUPS)
    first = found.families[0]
    assert (first.prompt, first.class_ids) == (0, (0, 1, 2))
    assert first.groups == {"many": 1, "medium": 1, "few": 1}
    assert first.share == pytest.approx((1 + 1 + 0.5) / 3)


def test_a_pool_of_one_has_no_second_best() -> None:
    found = match_classes(toward([0, 90]), np.array([0, 1]), KEYS[:1], 1, {"few": [0, 1]})
    assert [(c.best, c.second) for c in found.classes] == [(1, 0), (1, 0)]
    assert found.effective == 1


def test_with_one_matched_prompt_the_second_best_is_still_measured() -> None:
    found = match_classes(toward([10]), np.array([0]), KEYS, 1, {"few": [0]})
    assert {(c.prompt, c.best, c.second) for c in found.classes} == {(0, 1, 0), (1, 0, 1)}
    assert [u.matched for u in found.use] == [1, 0, 0]
