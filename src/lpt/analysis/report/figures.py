"""Figures of a report, each drawn from the numbers of one run."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from lpt.analysis.analysis_results import Analysis
from lpt.analysis.matching import Matching
from lpt.evaluation import ClassScore
from lpt.evaluation.metrics import ratio
from lpt.progress import SUMMARY_METRICS, Record, plural
from lpt.svg import Axis, Chart, HeatMap, bar_chart

__all__ = [
    "GROUPS",
    "SHARE",
    "calibration_chart",
    "coverage_chart",
    "key_map",
    "lda_chart",
    "loss_chart",
    "matching_map",
    "prompt_chart",
    "tail_chart",
    "tail_line",
    "validation_chart",
]

GROUPS = tuple(name for name in SUMMARY_METRICS if name != "macro")
"""All images, then the shot groups."""

SHARE = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Ticks of an axis in per cent."""

MOST_ROWS = 40
FEWEST_IN_BIN = 5
FEWEST_KEPT = 10  # images of a point of a risk-coverage curve


def validation_chart(records: Sequence[Record]) -> Markup | None:
    """Draw validation accuracy after each epoch of both phases; None without records."""
    validated = [(i + 1, r["val"]) for i, r in enumerate(records) if r.get("val")]
    if not validated:
        return None
    last = validated[-1][1]
    chart = Chart(
        "Validation accuracy by epoch",
        f"After the last epoch: {_shares(last)}.",
        Axis("epoch", 0, len(records)),
        Axis("validation accuracy", 0, 1, "percent", SHARE),
    )
    _mark_phases(chart, records)
    for name in GROUPS:
        chart.line([(e, v[name]) for e, v in validated if v.get(name) is not None], name, name)
    return chart.render()


def loss_chart(records: Sequence[Record]) -> Markup | None:
    """Draw the training loss of each epoch; each phase has its own loss."""
    if not records:
        return None
    losses = [record["loss"] for record in records]
    chart = Chart(
        "Training loss by epoch",
        f"From {losses[0]:.3g} to {losses[-1]:.3g}; each phase has its own loss.",
        Axis("epoch", 0, len(records)),
        Axis("training loss", min(0.0, *losses), max(losses) * 1.15 or 1.0),
    )
    _mark_phases(chart, records)
    for stage in dict.fromkeys(record["stage"] for record in records):
        points = [(i + 1, r["loss"]) for i, r in enumerate(records) if r["stage"] == stage]
        chart.line(points, "overall")
    return chart.render()


def tail_chart(classes: Sequence[ClassScore]) -> Markup | None:
    """Draw accuracy of each class against its training images; None without test images."""
    tested = [c for c in classes if c.recall is not None]
    if not tested:
        return None
    chart = Chart(
        "Accuracy by class size",
        f"{plural(len(tested), 'class', 'classes')}; by size: "
        + ", ".join(
            f"{plural(round(n), 'image')} {100 * share:.0f} %" for n, share in tail_line(classes)
        ),
        _size_axis([c.train_images for c in tested]),
        Axis("class accuracy", 0, 1, "percent", SHARE),
    )
    for group in GROUPS[1:]:
        own = [c for c in tested if c.group == group]
        chart.dots(
            [(c.train_images, c.recall or 0.0) for c in own],
            group,
            group,
            [
                f"{c.name}: {c.correct} of {c.test_images} correct, trained on {c.train_images}"
                for c in own
            ],
        )
    chart.line(tail_line(classes), "overall", "classes of similar size, pooled")
    return chart.render()


def tail_line(classes: Sequence[ClassScore], runs: int = 8) -> list[tuple[float, float]]:
    """Pool classes of similar size.

    Args:
        classes: scores by class; those without test images are left out.
        runs: maximum of points.
    Returns: (median training images, accuracy) of each pool, rarest classes first.
    """
    tested = sorted((c for c in classes if c.test_images), key=lambda c: c.train_images)
    points = []
    for part in np.array_split(np.arange(len(tested)), min(runs, max(1, len(tested) // 2))):
        own = [tested[i] for i in part]
        share = ratio(sum(c.correct for c in own), sum(c.test_images for c in own))
        if share is not None:
            points.append((float(np.median([c.train_images for c in own])), share))
    return points


def calibration_chart(found: Analysis) -> Markup:
    """Draw reliability curves: accuracy against confidence, for bins with 5 or more images."""
    chart = Chart(
        "Reliability curve",
        "Expected calibration error: "
        + ", ".join(f"{r.group} {100 * r.error:.1f} %" for r in found.calibration),
        Axis("confidence", 0, 1, "percent", SHARE),
        Axis("accuracy", 0, 1, "percent", SHARE),
    )
    chart.line([(0, 0), (1, 1)], "ideal", "ideal")
    for curve in found.calibration:
        points = [(p, accuracy) for p, accuracy, images in curve.bins if images >= FEWEST_IN_BIN]
        chart.line(points, curve.group, curve.group)
        chart.dots(points, curve.group)
    return chart.render()


def coverage_chart(found: Analysis) -> Markup:
    """Draw risk-coverage curves: accuracy of the images kept when unsure ones are rejected.

    A curve begins where 10 images are kept: the accuracy of fewer is an accident.
    """
    chart = Chart(
        "Accuracy by coverage",
        "At full coverage: "
        + ", ".join(f"{c.group} {100 * c.points[-1][1]:.1f} %" for c in found.coverage),
        Axis("coverage of the group", 0, 1, "percent", SHARE),
        Axis("accuracy", 0, 1, "percent", SHARE),
    )
    images = {curve.group: curve.images for curve in found.calibration}
    for curve in found.coverage:
        total = images.get(curve.group, 0)
        enough = [p for p in curve.points if p[0] * total >= FEWEST_KEPT - 0.5]
        chart.line(enough or curve.points[-1:], curve.group, curve.group)
    return chart.render()


def matching_map(found: Matching, classes: Sequence[ClassScore], which: str) -> Markup:
    """Draw the share of each class's images for which each prompt is the best (or second) match.

    For more than 40 classes, each row is the average over classes of similar size.

    Args:
        found: prompt matching of the analysis.
        classes: scores by class.
        which: "best" or "second".
    """
    tested = sorted({pair.class_id for pair in found.classes})
    order = sorted(tested, key=lambda c: (-classes[c].train_images, c))
    runs = [part.tolist() for part in np.array_split(order, min(MOST_ROWS, len(order)))]
    row_of = {c: row for row, run in enumerate(runs) for c in run}
    cells: dict[tuple[int, int], float] = {}
    for pair in found.classes:
        row = row_of[pair.class_id]
        share = getattr(pair, which) / len(runs[row])
        cells[row, pair.prompt] = cells.get((row, pair.prompt), 0.0) + share
    names = [
        classes[run[0]].name
        if len(run) == 1
        else _range(classes[run[-1]].train_images, classes[run[0]].train_images)
        for run in runs
    ]
    words = {"best": "Best", "second": "Second-best"}[which]
    return HeatMap(
        f"{words} match of each class",
        f"{plural(len(order), 'class', 'classes')}, most frequent first, and "
        f"{plural(found.pool_size, 'prompt')}; "
        f"effective number of prompts {found.effective:.1f}.",
        names,
        [str(m) for m in range(found.pool_size)],
        [(row, prompt, share) for (row, prompt), share in cells.items()],
        "prompt (shade: share of images)",
    ).render()


def key_map(found: Matching) -> Markup:
    """Draw the cosines between the keys of the prompts."""
    names = [str(m) for m in range(found.pool_size)]
    pairs = [v for i, row in enumerate(found.key_similarity) for v in row[i + 1 :]]
    most = f"; maximum between different keys {max(pairs):.2f}" if pairs else ""
    return HeatMap(
        "Similarity of keys",
        f"Cosine of each pair of {plural(found.pool_size, 'key')}{most}.",
        names,
        names,
        [(i, j, v) for i, row in enumerate(found.key_similarity) for j, v in enumerate(row)],
        "prompt (shade: cosine; second colour below 0)"
        if any(v < 0 for v in pairs)
        else "prompt (shade: cosine)",
    ).render()


def prompt_chart(found: Matching) -> Markup:
    """Draw the share of images that match each prompt."""
    used = sorted(found.use, key=lambda u: (-u.matched, u.prompt))[:MOST_ROWS]
    top = max(u.matched for u in used)
    return bar_chart(
        "Use of each prompt",
        f"Prompts that match no image: {sum(u.matched == 0 for u in found.use)} of "
        f"{found.pool_size}.",
        [(f"prompt {u.prompt}", [("run0", u.best), ("run1", u.matched)]) for u in used],
        [("run0", "best match"), ("run1", f"among the {found.top} best matches")],
        Axis("share of images", 0, max(top, 0.05), "percent"),
    )


def lda_chart(found: Analysis) -> Markup | None:
    """Draw the features of the models in the plane that best separates the models."""
    plane = found.plane
    if plane is None:
        return None
    every = np.array([point for points in plane.points for point in points])
    (left, low), (right, high) = every.min(axis=0), every.max(axis=0)
    chart = Chart(
        "Linear discriminant analysis of the models' features",
        "Distances between centres: "
        + ", ".join(f"{a} to {b} {d:.2f}" for a, b, d in plane.distances),
        Axis("first discriminant", float(left), float(right)),
        Axis("second discriminant", float(low), float(high)),
    )
    for i, (name, points) in enumerate(zip(plane.names, plane.points, strict=True)):
        chart.dots(points, f"run{i}", name)
    return chart.render()


def _mark_phases(chart: Chart, records: Sequence[Record]) -> None:
    for i, record in enumerate(records):
        if i == 0 or record["stage"] != records[i - 1]["stage"]:
            chart.mark(i, record["stage"].replace("phase", "phase "))


def _size_axis(sizes: Sequence[int]) -> Axis:
    low, high = max(1, min(sizes)), max(1, *sizes)
    return Axis("training images per class", low * 0.9, high * 1.1, "log")


def _range(low: int, high: int) -> str:
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _shares(scores: Record) -> str:
    parts = [f"{n} {100 * scores[n]:.1f} %" for n in GROUPS if scores.get(n) is not None]
    return ", ".join(parts)
