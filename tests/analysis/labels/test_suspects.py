"""Wrong labels are found among right ones, and the list of them is one that training takes."""

import csv
from pathlib import Path

import numpy as np
import pytest

from lpt.analysis.labels.leave_one_out import leave_one_out
from lpt.analysis.labels.suspects import (
    KIND,
    LEFT_OUT,
    SURE,
    Suspect,
    find_suspects,
    rank_labels,
    write_suspects,
)

CLASSES, WIDTH = 5, 16


def clusters(each: list[int], spread: float = 0.25) -> tuple[np.ndarray, np.ndarray]:
    noise = np.random.default_rng(0)
    labels = np.repeat(np.arange(len(each)), each)
    centres = noise.normal(size=(len(each), WIDTH))
    features = centres[labels] + spread * noise.normal(size=(len(labels), WIDTH))
    return features.astype(np.float32), labels


def suspects(features: np.ndarray, labels: np.ndarray) -> tuple[Suspect, ...]:
    scores, judged = leave_one_out(features, labels, CLASSES)
    members = {"many": np.array([0, 1]), "few": np.array([2, 3, 4])}
    return find_suspects(scores, members, CLASSES, judged)


def test_replaced_labels_are_found_and_no_right_one_is_suspect():
    features, right = clusters([600, 400, 200, 80, 40])
    labels = right.copy()
    wrong = [3, 17, 700, 1010]
    labels[wrong] = [1, 3, 0, 1]
    found = suspects(features, labels)
    assert len(found) >= 3
    assert {s.index for s in found} <= set(wrong)
    for suspect in found:
        assert suspect.class_id == labels[suspect.index]
        assert suspect.suggested == right[suspect.index]
    assert [s.score for s in found] == sorted((s.score for s in found), reverse=True)
    assert all(SURE <= s.score <= 1 for s in found)


def test_a_ranking_has_every_image_once_suspects_first_and_doubtful_ones_before_others():
    features, right = clusters([60, 40, 20, 8, 4], spread=0.6)
    labels = right.copy()
    wrong = [3, 17, 70, 101]
    labels[wrong] = [1, 3, 0, 1]
    scores, judged = leave_one_out(features, labels, CLASSES)
    members = {"many": np.array([0, 1]), "few": np.array([2, 3, 4])}
    first = find_suspects(scores, members, CLASSES, judged)
    ranked = rank_labels(scores, first, CLASSES)
    assert ranked[: len(first)] == first
    assert sorted(one.index for one in ranked) == list(range(len(labels)))
    assert {one.index for one in ranked[:8]} >= set(wrong)
    assert all(one.suggested != one.class_id for one in ranked)


def test_rare_classes_are_not_suspect_for_being_rare():
    assert suspects(*clusters([80, 80, 3, 2, 1])) == ()


def test_a_weak_model_suspects_nothing():
    """Its mistakes are explained by what it does not know, right labels and wrong ones alike."""
    features, right = clusters([60, 40, 20, 8, 4], spread=3)
    labels = right.copy()
    labels[[3, 17, 70, 101]] = [1, 3, 0, 1]
    scores, _ = leave_one_out(features, right, CLASSES)
    assert 0.3 < scores.correct.mean() < 0.8
    assert suspects(features, right) == suspects(features, labels) == ()


def test_a_class_whose_images_would_all_be_suspects_is_kept():
    """Otherwise the list would leave training without the class."""
    features, right = clusters([60, 40, 20, 8])
    labels = right.copy()
    labels[[3, 17]] = 4  # class 4 has no image but these two, which belong to class 0
    scores, _ = leave_one_out(features, labels, CLASSES)
    members = {"many": np.array([0, 1]), "few": np.array([2, 3, 4])}
    found = find_suspects(scores, members, CLASSES)
    assert {s.index for s in found}.isdisjoint({3, 17})


def test_the_list_has_the_columns_of_a_quarantine_list(tmp_path: Path):
    path = tmp_path / "suspects.csv"
    found = (Suspect(4, 1, 0, 0.75), Suspect(2, 0, 1, 0.5))
    names, left_out = ["a/1.png", "-b.png"], [("c/2.png", "test")]
    write_suspects(path, found, names, "train", ["=cat", "dog"], left_out)
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [(r["name"], r["split"], r["kind"]) for r in rows] == [
        ("a/1.png", "train", KIND),
        ("./-b.png", "train", KIND),
        ("c/2.png", "test", LEFT_OUT),
    ]
    assert [(r["label"], r["suggested"]) for r in rows[:2]] == [("dog", "'=cat"), ("'=cat", "dog")]
    assert float(rows[0]["score"]) == pytest.approx(0.75)
