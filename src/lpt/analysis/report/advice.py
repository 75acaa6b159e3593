"""What a person can do about a run, in a few sentences with their evidence."""

from dataclasses import dataclass

from lpt.analysis.analysis_results import Analysis
from lpt.evaluation import ClassScore

__all__ = ["Advice", "advice"]

SHOWN = 5
GOOD_CALIBRATION = 0.05
TRUSTED = 0.5  # overall accuracy from which a model's doubts say something about labels


@dataclass(frozen=True)
class Advice:
    """One thing to look at.

    Attributes:
        title: in a few words.
        text: the evidence, and what to do.
        anchor: section of the page with more.
    """

    title: str
    text: str
    anchor: str


def advice(found: Analysis) -> tuple[Advice, ...]:
    """What stands out, most useful first; empty if nothing does."""
    candidates = (_pair(found), _short(found), _labels(found), _rare(found), _calibration(found))
    return tuple(item for item in candidates if item is not None)


def _pair(found: Analysis) -> Advice | None:
    pair = found.worst_pair
    if pair is None:
        return None
    one, two = found.classes[pair.one], found.classes[pair.two]
    return Advice(
        f"Worst confused pair: {one.name} and {two.name}",
        f"{_taken(pair.there, one, two)}; {_taken(pair.back, two, one)}. Look at both: merge the "
        "classes, mend their labels, or add images that show the difference.",
        "confusions",
    )


def _taken(images: int, own: ClassScore, other: ClassScore) -> str:
    if not own.test_images:
        return f"{own.name} has no image to test"
    return f"{images} of {own.test_images} images of {own.name} are taken for {other.name}"


def _short(found: Analysis) -> Advice | None:
    if not found.short:
        return None
    named = ", ".join(
        f"{found.classes[s.class_id].name} ({s.train_images} training images, "
        f"{100 * s.recall:.0f} % right)"
        for s in found.short[:SHOWN]
    )
    more = f", and {len(found.short) - SHOWN} more" if found.short[SHOWN:] else ""
    return Advice(
        f"{len(found.short)} {'class is' if len(found.short) == 1 else 'classes are'} "
        "short of data",
        f"Surely below the overall accuracy, and rare in training: {named}{more}. "
        "New images help most here.",
        "short",
    )


def _labels(found: Analysis) -> Advice | None:
    if not found.label_errors:
        return None
    first = found.label_errors[0]
    own, other = found.classes[first.class_id].name, found.classes[first.suggested].name
    doubt = (
        " The model is wrong too often to judge labels well: expect its own mistakes in the list."
        if (found.summary["overall"] or 0.0) < TRUSTED
        else ""
    )
    return Advice(
        "Labels to check",
        f"Likeliest error: {first.name}, labelled {own}, looks like {other}. "
        f"Check the {len(found.label_errors)} likeliest by eye.{doubt}",
        "labels",
    )


def _rare(found: Analysis) -> Advice | None:
    taken = [c for c in found.confusions if c.rare_for_frequent]
    few, overall = found.summary["few"], found.summary["overall"]
    if not taken or few is None or overall is None or few >= overall:
        return None
    worst = taken[0]
    return Advice(
        "Rare taken for frequent",
        f"Few-shot classes are {100 * few:.1f} % right, all together {100 * overall:.1f} %. "
        "The surest case: "
        f"{found.classes[worst.class_id].name} taken for "
        f"{found.classes[worst.taken_for].name}, {worst.images} of {worst.of}.",
        "confusions",
    )


def _calibration(found: Analysis) -> Advice | None:
    worst = max(found.calibration, key=lambda r: r.error)
    if worst.error <= GOOD_CALIBRATION:
        return None
    return Advice(
        "Probabilities to distrust",
        f"Of {worst.group} images, probabilities are off by {100 * worst.error:.1f} points on "
        "average. Do not set a threshold without looking at the curve.",
        "trust",
    )
