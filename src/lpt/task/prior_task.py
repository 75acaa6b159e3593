"""A trained task where classes have other frequencies than in training."""

from typing import Any

from lpt.records import Predictions
from lpt.task.class_prior import Floats, PriorInput, adjust_predictions, task_prior
from lpt.task.trained_task import Task

__all__ = ["PriorTask"]


class PriorTask(Task):
    """A task whose predictions, probabilities and scores hold under other class frequencies.

    It shares model and backbone with the task that it is made from. Features do not change.

    Args:
        task: the trained task.
        prior: "uniform", "training", a file, a mapping from class names or (C,) numbers; see
            `lpt.task.class_prior.task_prior`.

    Attributes:
        prior: (C,) frequencies in class order; they sum to 1.

    >>> task = lpt.load("runs/digits", device="cpu")
    >>> rare = task.with_prior({"7": 1, "5": 99})
    >>> before, after = task.predict_proba("7.png")[0], rare.predict_proba("7.png")[0]
    >>> bool(after[7] < before[7]), bool(after[0] == 0)
    (True, True)
    """

    def __init__(self, task: Task, prior: PriorInput) -> None:
        super().__init__(task.model, task.spec, path=task.path)
        self.prior: Floats = task_prior(task.spec, prior)

    def run(self, *arguments: Any, **options: Any) -> Predictions:
        """Run the model as `Task.run` does; the cosines are moved to the new frequencies."""
        return adjust_predictions(self.spec, super().run(*arguments, **options), self.prior)
