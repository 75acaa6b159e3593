"""Wrong labels are found among right ones, and the list of them is one that training takes."""

import csv
from pathlib import Path

import numpy as np
import pytest

from lpt.analysis.suspects import KIND, Suspect, find_suspects, leave_one_out, write_suspects

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


def test_replaced_labels_are_found_and_no_others():
    features, right = clusters([60, 40, 20, 8, 4])
    labels = right.copy()
    wrong = [3, 17, 70, 101]
    labels[wrong] = [1, 3, 0, 1]
    found = suspects(features, labels)
    assert sorted(s.index for s in found) == wrong
    for suspect in found:
        assert suspect.class_id == labels[suspect.index]
        assert suspect.suggested == right[suspect.index]
    assert [s.score for s in found] == sorted((s.score for s in found), reverse=True)


def test_rare_classes_are_not_suspect_for_being_rare():
    assert suspects(*clusters([80, 80, 3, 2, 1])) == ()


def test_an_image_alone_in_its_class_cannot_be_judged():
    features, labels = clusters([20, 20, 1])
    _, judged = leave_one_out(features, labels, CLASSES)
    assert not judged[-1]
    features, labels = clusters([1, 1])
    scores, judged = leave_one_out(features, labels, 2)
    assert len(scores) == 2
    assert not judged.any()


def test_its_own_image_does_not_vote_for_a_label():
    """With its own image, a mean of two images would always be the nearest."""
    features, labels = clusters([30, 2])
    features[-1] = features[0]  # a copy of an image of class 0, labelled 1
    scores, judged = leave_one_out(features, labels, 2)
    assert scores.chosen[-1] == 0
    assert judged[-1]


def test_chunks_change_nothing(monkeypatch):
    features, labels = clusters([30, 20, 5, 3, 2])
    whole, judged = leave_one_out(features, labels, CLASSES)
    monkeypatch.setattr("lpt.analysis.suspects.CHUNK_VALUES", 7 * len(labels))
    again, judged_again = leave_one_out(features, labels, CLASSES)
    assert np.array_equal(judged, judged_again)
    assert np.array_equal(whole.probability, again.probability)


def test_the_list_has_the_columns_of_a_quarantine_list(tmp_path: Path):
    path = tmp_path / "suspects.csv"
    found = (Suspect(4, 1, 0, 0.75), Suspect(2, 0, 1, 0.5))
    write_suspects(path, found, ["a/1.png", "-b.png"], "train", ["=cat", "dog"])
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [(r["name"], r["split"], r["kind"]) for r in rows] == [
        ("a/1.png", "train", KIND),
        ("./-b.png", "train", KIND),
    ]
    assert [(r["label"], r["suggested"]) for r in rows] == [("dog", "'=cat"), ("'=cat", "dog")]
    assert float(rows[0]["score"]) == pytest.approx(0.75)
