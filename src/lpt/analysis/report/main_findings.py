"""The main findings of an analysis in a few lines, for the terminal."""

from collections.abc import Iterator

from lpt.analysis.analysis_results import Analysis
from lpt.analysis.labels.suspects import SURE
from lpt.evaluation import ClassScore
from lpt.progress import listed, percent, plural

__all__ = ["main_findings"]

NAMED = 3  # classes in a line


def main_findings(found: Analysis) -> list[str]:
    """Return three to six lines: accuracy, confusions, rare classes, labels, confidence."""
    return list(_lines(found))


def _lines(found: Analysis) -> Iterator[str]:
    groups = ", ".join(
        f"{group} {percent(found.summary[group])} % of {_tested(found, group):,}"
        for group in found.groups
        if _tested(found, group)
    )
    images = plural(found.images, f"{found.split} image")
    yield f"accuracy    {percent(found.summary['overall'])} % of {images} ({groups})"
    yield f"confused    {_confused(found)}"
    if found.short:
        named = listed([found.classes[s.class_id].name for s in found.short], NAMED)
        yield f"rare        need more training images: {named}"
    yield f"labels      {_labels(found)}"
    calibration = next(r for r in found.calibration if r.group == "overall")
    half = next((a for a in found.abstention if a.coverage <= 0.9), None)
    kept = (
        f"; the {percent(half.share['overall'])} % above {half.threshold:.2f} are "
        f"{percent(half.accuracy['overall'])} % correct"
        if half is not None
        else ""
    )
    yield (
        f"confidence  {100 * calibration.error:.1f} points from accuracy on average, "
        f"{calibration.tendency}{kept}"
    )


def _tested(found: Analysis, group: str) -> int:
    return sum(score.test_images for score in found.classes if score.group == group)


def _confused(found: Analysis) -> str:
    pair = found.worst_pair
    if pair is None:
        return "no two classes more than once" if found.confusions else "no two classes"
    one, two = found.classes[pair.one], found.classes[pair.two]
    ways = sorted([(pair.there, one, two), (pair.back, two, one)], key=lambda way: -way[0])
    return "most often " + "; ".join(_way(*way) for way in ways if way[0])


def _way(images: int, own: ClassScore, other: ClassScore) -> str:
    return f"{images} of {plural(own.test_images, 'image')} of {own.name} as {other.name}"


def _labels(found: Analysis) -> str:
    counts = f"{found.label_error_count:,} of the {found.split} images"
    if found.training_suspects is None:
        return f"probably wrong ({SURE:.0%} sure): {counts}"
    trained = f"{found.training_suspects:,} of the training images"
    return f"probably wrong ({SURE:.0%} sure): {trained}, {counts}"
