"""Workers of a study as jobs of Slurm; needs the extra lpt[slurm]."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lpt.errors import ConfigError, LptError
from lpt.escape import printable
from lpt.studies.launch.study_worker import StudyOutput, run_worker

__all__ = ["job_settings", "run_on_slurm"]

_POLL = 2.0
_DAY = 24 * 60
_OWN = ("timeout_min", "cpus_per_task", "gpus_per_node", "mem_gb", "tasks_per_node", "nodes")
"""Settings that submitit names itself; all others are those of sbatch."""


def job_settings(given: Sequence[str]) -> dict[str, Any]:
    """Return the settings of jobs, from KEY=VALUE.

    Raises: ConfigError for an entry of another form.

    >>> job_settings(["partition=gpu", "gpus_per_node=1"])
    {'timeout_min': 1440, 'slurm_partition': 'gpu', 'gpus_per_node': 1}
    """
    settings: dict[str, Any] = {"timeout_min": _DAY}
    for entry in given:
        name, equals, value = entry.partition("=")
        if not (equals and name.isidentifier() and value):
            raise ConfigError(f"--slurm-set {entry}: give KEY=VALUE, such as partition=gpu.")
        known = name if name in _OWN else f"slurm_{name.removeprefix('slurm_')}"
        settings[known] = int(value) if value.isdecimal() else value
    return settings


def run_on_slurm(
    jobs: int,
    arguments: Sequence[str],
    out: Path,
    settings: Mapping[str, Any],
    say: Callable[[str], None] = lambda _: None,
    *,
    cluster: str | None = None,
) -> str:
    """Submit a study as jobs, wait for them, and return the table that they print.

    Args:
        jobs: number of jobs; each trains one run at a time.
        arguments: of the command line, after `lpt`.
        out: folder of the study, on a disk that all machines share; logs go to its `jobs`.
        settings: from `job_settings`.
        say: receives what is submitted, and each job that is lost.
        cluster: "slurm", or "local" for processes of this machine; None for Slurm if it is there.
    Raises: LptError if submitit is missing or no job has finished the study; KeyboardInterrupt
        once all jobs are cancelled.
    """
    try:
        import submitit
    except ImportError as error:
        raise LptError("--slurm: needs submitit. Install lpt[slurm].") from error
    folder = out / "jobs"
    executor = submitit.AutoExecutor(folder, cluster=cluster)
    executor.update_parameters(name="lpt-study", **settings)
    where = str(Path.cwd())
    with executor.batch():
        waiting = [executor.submit(run_worker, list(arguments), where) for _ in range(jobs)]
    names = ", ".join(job.job_id for job in waiting)
    say(f"jobs    {executor.cluster}: {names}; logs in {printable(str(folder))}")
    try:
        return _wait(waiting, folder, say)
    finally:
        for job in waiting:
            if not job.done():
                job.cancel(check=False)


def _wait(waiting: list[Any], folder: Path, say: Callable[[str], None]) -> str:
    """Return what the first worker prints that has seen the whole study."""
    reasons: list[str] = []
    left = list(waiting)
    while left:
        for job in [one for one in left if one.done()]:
            left.remove(job)
            output = _output(job)
            if output.is_complete:
                return output.text
            reasons.append(f"job {job.job_id}: {output.reason}")
            if left:
                say(f"lost    {reasons[-1]}; its runs are trained again")
        time.sleep(_POLL if left else 0)
    raise LptError(
        f"study: no job has finished it ({reasons[-1]}). Logs are in {printable(str(folder))}.",
        "The same command continues.",
    )


def _output(job: Any) -> StudyOutput:
    try:
        return StudyOutput(*job.result())
    except Exception as error:  # whatever ended the job: a signal, a limit of time or memory
        lines = str(error).strip().splitlines() or ["no reason given"]
        return StudyOutput(-1, lines[0])
