"""Findings of an analysis that call for action, each with its evidence."""

from dataclasses import dataclass

from lpt.analysis.analysis_results import Analysis
from lpt.evaluation import ClassScore

__all__ = ["Advice", "advice"]

LISTED = 5
GOOD_CALIBRATION = 0.05
TRUSTED = 0.5  # overall accuracy below which label errors are mostly errors of the model


@dataclass(frozen=True)
class Advice:
    """One finding.

    Attributes:
        title: the finding in a few words.
        text: evidence, and what to do.
        anchor: id of the section of the report with details.
    """

    title: str
    text: str
    anchor: str


def advice(found: Analysis) -> tuple[Advice, ...]:
    """List the findings of an analysis, most useful first; empty if there are none."""
    candidates = (_pair(found), _short(found), _labels(found), _rare(found), _calibration(found))
    return tuple(item for item in candidates if item is not None)


def _pair(found: Analysis) -> Advice | None:
    pair = found.worst_pair
    if pair is None:
        return None
    one, two = found.classes[pair.one], found.classes[pair.two]
    directions = sorted([(-pair.there, one, two), (-pair.back, two, one)], key=lambda d: d[0])
    counts = "; ".join(_predicted(-images, own, other) for images, own, other in directions)
    return Advice(
        f"Most confused pair: {one.name} and {two.name}",
        f"{counts[0].upper()}{counts[1:]}. Check both classes: merge them, correct their labels, "
        "or add images that show the difference.",
        "confusions",
    )


def _predicted(images: int, own: ClassScore, other: ClassScore) -> str:
    if not own.test_images:
        return f"“{own.name}” has no test images"
    if images == own.test_images == 1:
        return f"the only test image of “{own.name}” is predicted as “{other.name}”"
    verb = "is" if images == 1 else "are"
    return (
        f"{images} of {own.test_images} images of “{own.name}” {verb} predicted as “{other.name}”"
    )


def _short(found: Analysis) -> Advice | None:
    if not found.short:
        return None
    named = ", ".join(
        f"“{found.classes[s.class_id].name}” ({s.train_images} training images, "
        f"{100 * s.recall:.0f} % recall)"
        for s in found.short[:LISTED]
    )
    more = f", and {len(found.short) - LISTED} more" if found.short[LISTED:] else ""
    return Advice(
        f"{len(found.short)} class{'es need' if found.short[1:] else ' needs'} more data",
        f"Rare in training and significantly below overall accuracy: {named}{more}. "
        "New images help most here.",
        "short",
    )


def _labels(found: Analysis) -> Advice | None:
    listed = (*found.label_errors, *found.training_label_errors)
    if not listed:
        return None
    first = listed[0]
    own, other = found.classes[first.class_id].name, found.classes[first.suggested].name
    doubt = (
        " Overall accuracy is below 50 %, so many of them may be mistakes of the model instead."
        if (found.summary["overall"] or 0.0) < TRUSTED
        else ""
    )
    return Advice(
        "Labels to check",
        f"Most likely label error: {first.name} is labelled “{own}” but looks like “{other}”. "
        f"{_check_by_eye(len(listed))}{doubt}",
        "labels",
    )


def _check_by_eye(images: int) -> str:
    return f"Check the {images} most likely ones by eye." if images > 1 else "Check it by eye."


def _rare(found: Analysis) -> Advice | None:
    taken = [c for c in found.confusions if c.rare_for_frequent]
    few, overall = found.summary["few"], found.summary["overall"]
    if not taken or few is None or overall is None or few >= overall:
        return None
    worst = taken[0]
    own, other = found.classes[worst.class_id], found.classes[worst.taken_for]
    return Advice(
        "Rare classes predicted as frequent ones",
        f"Few-shot accuracy is {100 * few:.1f} %, overall accuracy {100 * overall:.1f} %. "
        f"Clearest case: {_predicted(worst.images, own, other)}.",
        "confusions",
    )


def _calibration(found: Analysis) -> Advice | None:
    worst = max(found.calibration, key=lambda r: r.error)
    if worst.error <= GOOD_CALIBRATION:
        return None
    return Advice(
        "Poorly calibrated probabilities",
        f"{_IMAGES[worst.group]}: confidence differs from accuracy by {100 * worst.error:.1f} "
        f"points on average ({worst.tendency}). Check the reliability curve before you set a "
        "threshold.",
        "trust",
    )


_IMAGES = {
    "overall": "All images",
    "many": "Images of many-shot classes",
    "medium": "Images of medium-shot classes",
    "few": "Images of few-shot classes",
}
