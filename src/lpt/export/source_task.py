"""The task that is exported or published: loaded on the CPU, from what `lpt train` wrote."""

from pathlib import Path

from lpt.errors import ConfigError
from lpt.task import Task, load
from lpt.task.exported.exported_task import ExportedTask

__all__ = ["source_task"]


def source_task(run: Path, backbone: str | None = None) -> Task:
    """Load a run folder or task file on the CPU.

    Args:
        run: run folder or task file.
        backbone: name of the backbone, as for `lpt.load`.
    Raises: ConfigError for an export, which has no model of torch; otherwise as `lpt.load`.
    """
    task = load(run, backbone=backbone, device="cpu")
    if isinstance(task, ExportedTask):
        raise ConfigError(f"{run}: is an export already. Give the run that it was made of.")
    return task
