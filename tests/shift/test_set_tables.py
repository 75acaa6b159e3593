"""Tables of several sets: a row per set, one per family, and its kinds by severity."""

from types import SimpleNamespace
from typing import Any

from lpt.data.class_groups import ClassGroups
from lpt.evaluation.metrics import GroupScore
from lpt.shift.score_sets import SetScore
from lpt.shift.set_tables import render_scores, trained_warnings


def metrics(overall: float, few: int = 1250) -> Any:
    summary = {"overall": overall, "many": None, "medium": None, "few": overall, "macro": overall}
    return SimpleNamespace(
        images=1250,
        group_scores={
            "many": GroupScore(0, 0, 0),
            "medium": GroupScore(0, 0, 0),
            "few": GroupScore(3, few, 0),
        },
        class_scores=[None] * 4,
        classes_without_test=1,
        overall=overall,
        summary=lambda: summary,
    )


def rows(text: str) -> dict[str, list[str]]:
    return {words[0]: words for line in text.splitlines() if (words := line.split())}


def test_one_set_has_neither_source_nor_drop():
    found = rows(render_scores([SetScore("own", metrics(0.5), 0.5)], ClassGroups()))
    assert found["own"] == ["own", "3", "1,250", "50.0", "50.0", "(1,250)", "50.0"]
    assert "many" not in found["data"]
    assert "drop" not in found["data"]


def test_a_family_is_averaged_and_shown_by_severity():
    family = [
        SetScore("c fog-1", metrics(0.4), 0.4, 0.5, "c", "fog", 1),
        SetScore("c fog-2", metrics(0.2), 0.2, 0.5, "c", "fog", 2),
    ]
    text = render_scores([SetScore("own", metrics(0.5), 0.5), *family], ClassGroups())
    found = rows(text)
    (mean,) = [line.split() for line in text.splitlines() if line.startswith("c (mean of 2)")]
    assert " ".join(mean[4:]) == "3 1,250 30.0 30.0 (1,250) 30.0 50.0 20.0"
    assert found["fog"] == ["fog", "40.0", "20.0", "30.0", "20.0"]
    assert found["Drop:"]


def test_accuracy_among_all_classes_is_shown_where_it_differs():
    text = render_scores([SetScore("half", metrics(0.5), 0.25, 0.75)], ClassGroups())
    assert rows(text)["half"][-3:] == ["25.0", "75.0", "25.0"]


def test_accuracies_of_one_or_two_images_are_named():
    scores = [SetScore("own", metrics(0.5, 2), 0.5), SetScore("big", metrics(0.5), 0.5)]
    text = render_scores(scores, ClassGroups())
    assert "50.0 (2)" in text
    assert "One or two images say little: few of own." in text
    assert "say little" not in render_scores(scores[1:], ClassGroups())


def test_a_set_with_training_images_is_warned_about():
    scores = [
        SetScore("own", metrics(0.5), 0.5),
        SetScore("clean", metrics(0.5), 0.5, trained=0),
        SetScore("mixed", metrics(0.5), 0.5, trained=12),
    ]
    assert trained_warnings(scores) == [
        "mixed: the task was trained on 12 of its 1,250 images; its score is too high. "
        "Score other images."
    ]
