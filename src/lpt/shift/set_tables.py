"""Tables of the scores of a task on several sets."""

from collections.abc import Sequence
from statistics import fmean

from lpt.data.class_groups import ClassGroups
from lpt.evaluation import COLUMNS, Column, render_table
from lpt.progress import listed, plural
from lpt.shift.score_sets import SetScore

__all__ = ["render_scores", "trained_warnings"]

GROUPS = ("many", "medium", "few")
MEASURES = ("overall", *GROUPS, "macro")
NAMED = 3  # groups of few images in the note

Row = dict[str, str | float | int | None]


def render_scores(scores: Sequence[SetScore], groups: ClassGroups) -> str:
    """Render one row per set, and one for the mean of each family of corruptions.

    Further tables show each family by kind and severity.

    Args:
        scores: as `lpt.shift.score_sets.score_sets` returns them.
        groups: bounds of the shot groups, for the heading.
    """
    families = list(dict.fromkeys(score.family for score in scores if score.family))
    rows = [_row(score) for score in scores if not score.family]
    rows += [_mean_row(name, _family(scores, name)) for name in families]
    tables = [render_table(list(map(_with_counts, rows)), _columns(scores), groups=groups)]
    tables += [_by_severity(_family(scores, name)) for name in families]
    small = [
        f"{group} of {row['data']}" for row in rows for group in GROUPS if _is_small(row, group)
    ]
    notes = ["In brackets: number of images."]
    if small:
        notes.append(f"One or two images say little: {listed(small, NAMED)}.")
    if any(score.source is not None for score in scores):
        notes.append(
            "Drop: from the overall accuracy on the source's test images of these classes."
        )
    tables.append("\n".join(notes))
    return "\n\n".join(tables)


def trained_warnings(scores: Sequence[SetScore]) -> list[str]:
    """Return a line for each set that holds training images: it is no test of them."""
    return [
        f"{score.name}: the task was trained on {score.trained:,} of its "
        f"{plural(score.metrics.images, 'image')}; its score is too high. Score other images."
        for score in scores
        if score.trained
    ]


def _columns(scores: Sequence[SetScore]) -> list[Column]:
    columns = [Column("data", "data", "text"), Column("classes", "classes", "count")]
    columns.append(Column("images", "images", "count"))
    columns += [column for column in COLUMNS if column.key in MEASURES]
    if any(score.among_all != score.metrics.overall for score in scores):
        columns.append(Column("among_all", "among all"))
    if any(score.source is not None for score in scores):
        columns += [Column("source", "source"), Column("drop", "drop")]
    return columns


def _family(scores: Sequence[SetScore], name: str) -> list[SetScore]:
    return [score for score in scores if score.family == name]


def _row(score: SetScore) -> Row:
    return {
        "data": score.name,
        "classes": len(score.metrics.class_scores) - score.metrics.classes_without_test,
        "images": score.metrics.images,
        **{f"n {group}": found.images for group, found in score.metrics.group_scores.items()},
        **score.metrics.summary(),
        "among_all": score.among_all,
        "source": score.source,
        "drop": score.drop,
    }


def _mean_row(name: str, scores: Sequence[SetScore]) -> Row:
    rows = [_row(score) for score in scores]
    means: Row = {key: _mean([row[key] for row in rows]) for key in rows[0] if key != "data"}
    return {**means, "data": f"{name} (mean of {len(rows)})"}


def _with_counts(row: Row) -> Row:
    """Add the number of images to the accuracy of each shot group."""
    texts: Row = {}
    for group in GROUPS:
        share, images = row.get(group), row.get(f"n {group}")
        if isinstance(share, float) and isinstance(images, int | float):
            texts[group] = f"{100 * share:.1f} ({images:,.0f})"
    return {**row, **texts}


def _is_small(row: Row, group: str) -> bool:
    images = row.get(f"n {group}")
    return isinstance(images, int | float) and 0 < images <= 2


def _mean(values: Sequence[object]) -> float | None:
    known = [value for value in values if isinstance(value, int | float)]
    return fmean(known) if len(known) == len(values) else None


def _by_severity(scores: Sequence[SetScore]) -> str:
    severities = sorted({score.severity for score in scores})
    columns = [Column("kind", scores[0].family, "text")]
    columns += [Column(str(severity), str(severity)) for severity in severities]
    columns += [Column("mean", "mean"), Column("drop", "drop")]
    return render_table(
        [_kind_row(scores, kind) for kind in dict.fromkeys(score.kind for score in scores)], columns
    )


def _kind_row(scores: Sequence[SetScore], kind: str) -> Row:
    own = [score for score in scores if score.kind == kind]
    overall: Row = {str(score.severity): score.metrics.overall for score in own}
    mean = fmean(score.metrics.overall for score in own)
    return {"kind": kind, **overall, "mean": mean, "drop": _mean([score.drop for score in own])}
