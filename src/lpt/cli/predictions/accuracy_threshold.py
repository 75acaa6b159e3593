"""The options `--threshold` and `--accuracy` of `lpt predict`: one threshold for all classes."""

from math import isfinite
from pathlib import Path

from lpt.cli.printing import say_note
from lpt.errors import ParameterError
from lpt.escape import shell_command
from lpt.progress import percent

__all__ = ["chosen_threshold"]


def chosen_threshold(run: Path, given: str | None, accuracy: float | None) -> float | None:
    """Return the threshold: a number, or that of a file for an accuracy, which is reported.

    Args:
        run: the run, whose analysis is read if no file is given.
        given: a number or a file.
        accuracy: wanted share of correct predictions among those that are kept.
    Raises: ParameterError for options that do not fit together; DataError for a damaged file.
    """
    number = _number(given)
    if given is None and accuracy is None:
        return None
    if number is not None:
        if accuracy is not None:
            raise ParameterError(
                f"`accuracy`: needs a file of thresholds, not `threshold` {given}. Leave one out."
            )
        if not (isfinite(number) and 0 <= number <= 1):
            raise ParameterError(f"`threshold` {given}: give a probability from 0 to 1, or a file.")
        return number
    file = Path(given) if given is not None else _own_thresholds(run)
    if accuracy is None:
        if not file.is_file():
            raise ParameterError(f"`threshold` {file}: neither a probability nor a file.")
        raise ParameterError(
            f"`threshold` {file}: give the accuracy that kept predictions must have, such as "
            "`accuracy` 0.95."
        )
    if not file.is_file():
        raise ParameterError(f"`threshold` {file}: no such file. An analysis writes one.")
    from lpt.evaluation.thresholds import read_thresholds
    from lpt.task.task_digest import task_digest

    table = read_thresholds(file, task_digest(run))
    row = table.for_accuracy(accuracy, file)
    note = (
        f"threshold {row.threshold:.3f}: keeps {percent(row.coverage)} % of {table.images:,} "
        f"{table.split} images of {table.data}; {percent(row.accuracy)} % of the "
        f"{row.kept:,} kept ones are correct"
    )
    say_note(note)
    return row.threshold


def _own_thresholds(run: Path) -> Path:
    file = (run if run.is_dir() else run.parent) / "analysis" / "thresholds.json"
    if not file.is_file():
        raise ParameterError(
            f"`accuracy`: {file} does not exist. Give a `threshold`, or run: "
            f"{shell_command('lpt', 'analyze', run)}"
        )
    return file


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
