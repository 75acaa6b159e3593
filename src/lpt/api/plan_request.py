"""Plan a run without starting it."""

import time

from lpt.api.bad_image_help import bad_images_explained
from lpt.api.train_request import TrainRequest
from lpt.api.train_task import open_trainer
from lpt.errors import ParameterError
from lpt.machine.group.meet import join
from lpt.machine.group.place import Place
from lpt.machine.group.process_group import ended_together
from lpt.progress import Reporter, SilentReporter
from lpt.training.plan.run_plan import RunPlan, plan_run

__all__ = ["plan_training"]


def plan_training(request: TrainRequest, reporter: Reporter) -> RunPlan:
    """Open everything that a run needs, measure a few steps, and return what the run will take.

    Nothing is written. Memory and time are those of this machine, while nothing else runs on it.

    Args:
        request: the arguments of the run.
        reporter: receives what the run would report before its first step.
    Raises: LptError as `lpt.train` raises before its first step; ParameterError for a run that has
        begun.
    """
    if request.resume:
        raise ParameterError(
            "`plan`: plans a new run, and `resume` continues one. Leave one of them out."
        )
    group = join(Place.of_environment())
    with ended_together(group):
        trainer, _ = open_trainer(request, reporter if group.is_main else SilentReporter(), group)
        with bad_images_explained(trainer.config.data.source):
            pace = trainer.fit_budget(request.budget_seconds, request.began)
            plan = plan_run(trainer, pace, time.monotonic() - request.began)
        group.close()
    return plan
