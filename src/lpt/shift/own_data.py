"""The data of the run whose task is scored."""

from pathlib import Path

from lpt.data.manifest import Manifest, Split
from lpt.errors import DataError, RunError
from lpt.escape import shell_command
from lpt.progress import Reporter
from lpt.task import Task
from lpt.training.run.run_data import data_of_run

__all__ = ["own_data", "test_of_run"]


def own_data(
    run: str | Path | None,
    task: Task,
    reporter: Reporter,
    *,
    needed: bool,
    tell: bool,
    given: bool = False,
) -> Manifest | None:
    """Open the data that a run was trained on.

    Args:
        needed: whether it is an error if it cannot be opened.
        tell: whether the reporter is told that it cannot be.
        given: whether the user names this data.
    Returns: None if it cannot be opened.
    Raises: RunError, DataError if it is needed.
    """
    try:
        own = None if run is None else data_of_run(run, task.class_names, given=given)
    except (DataError, RunError) as error:
        if needed:
            raise
        if tell:
            reason = str(error).splitlines()[0]
            reporter.message(f"note      the source is not scored again: {reason}")
        return None
    if own is None and needed:
        raise RunError(
            f"{run or 'task'}: a task file does not say where its data is. Name the data too."
        )
    return own


def test_of_run(run: str | Path | None, own: Manifest) -> Split:
    """Return the test images of a run's data. Raises: DataError if there are none."""
    if "test" not in own.splits:
        raise DataError(
            f"{own.name}: has no test images, because no class has enough images to hold some out. "
            f"Name test data: {shell_command('lpt', 'evaluate', run or 'RUN', 'DATA')}"
        )
    return own.split("test")
