"""Workers of a study as tasks of Ray; needs the extra lpt[ray]."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from lpt.errors import LptError
from lpt.studies.launch.study_worker import StudyOutput, run_worker

__all__ = ["run_on_ray"]

RETRIES = 3
"""How often Ray starts a worker again whose machine is lost."""


def run_on_ray(
    tasks: int, arguments: Sequence[str], say: Callable[[str], None] = lambda _: None
) -> str:
    """Run a study as tasks of Ray, and return the table that they print.

    The cluster is that of RAY_ADDRESS; without it, Ray starts on this machine. Each task takes a
    GPU if the cluster has any, else a core.

    Args:
        tasks: number of tasks; each trains one run at a time.
        arguments: of the command line, after `lpt`.
        say: receives what is started, and each task that is lost.
    Raises: LptError if Ray is missing or no task has finished the study.
    """
    try:
        import ray
    except ImportError as error:
        raise LptError("--ray: needs Ray. Install lpt[ray].") from error
    own = not ray.is_initialized()
    if own:
        address = os.environ.get("RAY_ADDRESS", "local")  # never one that has ended
        ray.init(address=address, include_dashboard=False, log_to_driver=False)
    try:
        gpus = ray.cluster_resources().get("GPU", 0)
        work = ray.remote(num_cpus=1, num_gpus=1 if gpus else 0, max_retries=RETRIES)(run_worker)
        where = str(Path.cwd())
        left = [work.remote(list(arguments), where) for _ in range(tasks)]
        say(f"tasks   {tasks} on Ray, each with {'a GPU' if gpus else 'a core'}")
        reasons: list[str] = []
        while left:
            done, left = ray.wait(left, num_returns=1)
            try:
                output = StudyOutput(*ray.get(done[0]))
            except ray.exceptions.RayError as error:
                output = StudyOutput(-1, str(error))
            if output.is_complete:
                for task in left:
                    ray.cancel(task, force=True)
                return output.text
            reasons.append(output.reason)
            if left:
                say(f"lost    a task: {reasons[-1]}; its runs are trained again")
    finally:
        if own:
            ray.shutdown()
    raise LptError(f"study: no task has finished it ({reasons[-1]}). The same command continues.")
