"""The class frequencies where a task is used, if they differ from those that it was trained for.

A prior only moves cosines: logits get T * (log target - log source), with the task's temperature
T, so that softmax(logits / T) are the adjusted probabilities (`lpt.evaluation.priors`). How far the
probabilities of a task reflect the training frequencies was measured on its validation images
(`prior_power`).
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lpt.errors import DataError, ParameterError
from lpt.escape import shortened
from lpt.evaluation.chosen_prior import ChosenPrior, choose_prior
from lpt.evaluation.priors import effective_prior
from lpt.files.json_files import json_value
from lpt.files.regular_files import read_regular
from lpt.progress import percent, plural
from lpt.records import Predictions
from lpt.task.class_names import unknown_class
from lpt.task_spec import TaskSpec

__all__ = [
    "ESTIMATE",
    "PriorInput",
    "PriorRule",
    "adjust_predictions",
    "estimate_task_prior",
    "named_prior",
    "prior_shift",
    "source_prior",
    "task_prior",
]

ESTIMATE = "estimate"
"""Stands for the frequencies that are estimated from the images themselves."""

PriorInput = str | Path | Mapping[str, float] | Sequence[float] | npt.NDArray[np.floating[Any]]

MAX_BYTES = 2**24
SHOWN = 3
LARGEST = 1e300  # of a frequency; JSON holds integers beyond any float
FLOOR = 1e-30
"""Lowest frequency: a class of frequency 0 gets a logit far below all others, but a finite one."""

Floats = npt.NDArray[np.floating[Any]]


def source_prior(spec: TaskSpec) -> Floats:
    """Return the (C,) class frequencies that the task's probabilities reflect."""
    return np.asarray(effective_prior(spec.class_counts, spec.prior_power or 0.0))


def task_prior(spec: TaskSpec, given: PriorInput) -> Floats:
    """Return class frequencies in the order of a task's classes.

    Args:
        spec: metadata of the task.
        given: "uniform"; "training" for the training images; a JSON object or a CSV file with the
            columns class and count (or share); a mapping from names; or (C,) numbers. Classes that
            a file or a mapping leaves out have frequency 0.
    Returns: (C,) float64, sums to 1.
    Raises: DataError or ParameterError naming an unknown class with the nearest known ones, or a
        value that is not a number of at least 0.
    """
    names = spec.class_names
    if isinstance(given, Mapping) or (isinstance(given, str) and given in ("uniform", "training")):
        return named_prior(names, spec.class_counts, given)
    if isinstance(given, str | Path):
        return _of_mapping(names, _read(Path(given)), str(given), DataError)
    values = np.asarray(given, dtype=np.float64)
    if values.shape != (len(names),):
        raise ParameterError(f"`prior`: {values.shape} numbers for {len(names):,} classes.")
    return _normalised(values, "`prior`", ParameterError)


def named_prior(
    names: Sequence[str], counts: Sequence[int], given: str | Mapping[str, float]
) -> Floats:
    """Return class frequencies from a word or a mapping; nothing is read from a file.

    Args:
        names, counts: (C,) class names, and training images per class.
        given: "uniform", "training" or a mapping from names.
    Raises: ParameterError as `task_prior`.

    >>> named_prior(["wren", "robin"], [30, 10], "training").tolist()
    [0.75, 0.25]
    """
    if isinstance(given, Mapping):
        return _of_mapping(names, given, "`prior`", ParameterError)
    if given == "training":
        total = np.asarray(counts, dtype=np.float64)
        return np.asarray(total / max(total.sum(), 1.0))
    return np.full(len(names), 1 / len(names))


def adjust_predictions(spec: TaskSpec, found: Predictions, target: Floats) -> Predictions:
    """Return predictions whose probabilities hold under the frequencies `target` (C,)."""
    return replace(found, logits=found.logits + prior_shift(spec, target))


def prior_shift(spec: TaskSpec, target: Floats) -> npt.NDArray[np.float32]:
    """Return (C,) what is added to cosines so that their softmax holds under `target` (C,)."""
    ratio = np.log(np.maximum(target, FLOOR)) - np.log(source_prior(spec))
    shift: npt.NDArray[np.float32] = (spec.temperature * (ratio - ratio.mean())).astype(np.float32)
    return shift


def estimate_task_prior(spec: TaskSpec, found: Predictions) -> ChosenPrior:
    """Estimate the class frequencies of the images of predictions; their labels are not read."""
    from scipy.special import softmax

    probabilities = softmax(found.logits.astype(np.float64) / spec.temperature, axis=1)
    return choose_prior(probabilities, source_prior(spec), spec.class_counts)


class PriorRule:
    """The class frequencies that sets of images are predicted under.

    Args:
        spec: metadata of the task.
        given: None for the task's own, "estimate" for those of each set, or as in `task_prior`.
    """

    def __init__(self, spec: TaskSpec, given: PriorInput | None) -> None:
        self.spec = spec
        self._estimates = isinstance(given, str) and given == ESTIMATE
        self._target = None if given is None or self._estimates else task_prior(spec, given)

    def apply(self, found: Predictions) -> tuple[Predictions, ChosenPrior | None]:
        """Return the predictions under these frequencies, and the estimate if there was one."""
        if self._estimates:
            estimate = estimate_task_prior(self.spec, found)
            return adjust_predictions(self.spec, found, estimate.prior), estimate
        if self._target is not None:
            return adjust_predictions(self.spec, found, self._target), None
        return found, None

    def describe(self, estimate: ChosenPrior) -> str:
        """Return one line: the most frequent classes, how freely they were estimated, and whether
        the images are too few.
        """
        if estimate.follows == "task":
            images = plural(estimate.images, "image")
            return f"the task's own frequencies are kept: {images} show no others clearly"
        best = np.argsort(-estimate.prior, kind="stable")[:SHOWN]
        names = ", ".join(
            f"{shortened(self.spec.class_names[i], 40)} {percent(float(estimate.prior[i]))} %"
            for i in best
        )
        if estimate.exponent is not None:
            names = f"those of training ** {estimate.exponent:.2f}, so {names}"
        few = (
            f"; {plural(estimate.images, 'image')} for {len(estimate.prior):,} classes are few, so "
            "the frequencies are uncertain"
            if estimate.few
            else ""
        )
        return f"estimated frequencies: {names}{few}"


def _of_mapping(
    names: Sequence[str],
    given: Mapping[str, float],
    where: str,
    error: type[DataError] | type[ParameterError],
) -> Floats:
    place = {name: index for index, name in enumerate(names)}
    values = np.zeros(len(names))
    for name, value in given.items():
        if name not in place:
            raise unknown_class(names, str(name), where, error)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise error(
                f"{where}: class {name!r} needs a number, not {shortened(repr(value), 40)}."
            )
        values[place[name]] = value if abs(value) < LARGEST else np.inf
    return _normalised(values, where, error)


def _normalised(
    values: Floats, where: str, error: type[DataError] | type[ParameterError]
) -> Floats:
    with np.errstate(over="ignore"):
        total = values.sum() if np.isfinite(values).all() and (values >= 0).all() else 0.0
    if not 0 < total < np.inf:
        raise error(f"{where}: class frequencies are numbers of at least 0, and not all 0.")
    return np.asarray(values / total)


def _read(path: Path) -> dict[str, float]:
    text = read_regular(path, MAX_BYTES).decode("utf-8-sig", "replace")
    if text.lstrip().startswith("{"):
        return dict(
            json_value(
                text,
                lambda reason: DataError(
                    f"{path}: not valid JSON ({reason}). Give an object: class names and numbers."
                ),
            )
        )
    try:
        rows = list(csv.reader(io.StringIO(text, newline="")))
    except csv.Error as fault:
        raise DataError(f"{path}: not a CSV file ({fault}). Save it as CSV again.") from fault
    head = [cell.strip().lower() for cell in rows[0]] if rows else []
    if len(head) < 2 or head[0] not in ("class", "label") or head[1] not in ("count", "share"):
        raise DataError(
            f"{path}: not a table of class frequencies. Give a CSV file with the columns class and "
            "count, or a JSON object."
        )
    found: dict[str, float] = {}
    for number, row in enumerate(rows[1:], 2):
        if not row:
            continue
        try:
            name, value = row[0], float(row[1])
        except (IndexError, ValueError) as fault:
            raise DataError(
                f"{path}: line {number}: no number after the class. Give a count."
            ) from fault
        if name in found:
            raise DataError(f"{path}: line {number}: class {name!r} appears twice. Keep one row.")
        found[name] = value
    return found
