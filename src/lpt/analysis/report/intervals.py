"""Confidence intervals of the accuracies at the head of a report."""

from collections.abc import Sequence

from lpt.analysis.confusions import exact_interval
from lpt.evaluation import ClassScore

__all__ = ["group_intervals"]


def group_intervals(classes: Sequence[ClassScore]) -> dict[str, str]:
    """Write the 95 % interval and number of images of overall and shot-group accuracy.

    Source: exact intervals of a proportion, see `lpt.analysis.confusions.exact_interval`.
    """
    members: dict[str, list[ClassScore]] = {"overall": list(classes)}
    for score in classes:
        members.setdefault(score.group, []).append(score)
    found = {}
    for name, own in members.items():
        images = sum(score.test_images for score in own)
        if images:
            low, high = exact_interval(sum(score.correct for score in own), images)
            found[name] = f"{100 * low:.1f}–{100 * high:.1f}, n={images:,}"  # noqa: RUF001
    return found
