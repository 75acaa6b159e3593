"""The task that is exported or published: loaded on the CPU, from what `lpt train` wrote."""

from pathlib import Path

from lpt.errors import ConfigError
from lpt.task import Task, load
from lpt.task.exported.exported_task import ExportedTask
from lpt.task.hub.hub_files import parse_repository
from lpt.task.path_kinds import HUB_PREFIX

__all__ = ["export_place", "source_task"]


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


def export_place(run: Path) -> tuple[Path, str]:
    """Return the folder of the exports of a run, and their name without suffix.

    Args:
        run: run folder, task file or name on the hub, whose exports go to the current folder.
    Raises: TaskFileError if the name on the hub has another form.

    >>> export_place(Path("hf:ada/birds.v2@some/branch"))[1]
    'birds.v2'
    """
    if str(run).startswith(HUB_PREFIX):
        repository, _ = parse_repository(str(run))
        return Path(), repository.rpartition("/")[2]
    return (run / "export", run.absolute().name) if run.is_dir() else (run.parent, run.stem)
