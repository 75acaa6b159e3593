"""Accuracies at the head of the report have intervals and numbers of images."""

from lpt.analysis.report.intervals import group_intervals

from ..test_confusions import judged


def test_an_accuracy_from_two_images_shows_how_little_it_says() -> None:
    _, classes = judged([0] * 40 + [1] * 2, [0] * 20 + [1] * 20 + [1] * 2, [500, 3])
    found = group_intervals(classes)
    assert found["few"] == "15.8–100.0, n=2"  # noqa: RUF001
    assert found["many"].endswith("n=40")
    assert found["overall"].endswith("n=42")
    assert "medium" not in found
