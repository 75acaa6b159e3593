"""The class frequencies of a request: the images' own, where they differ from the task's."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from lpt.errors import ParameterError
from lpt.evaluation.priors import adjust_to_prior
from lpt.serving.http.error_answers import Refusal
from lpt.serving.http.served_tasks import ServedTasks
from lpt.serving.serving_records import Answer
from lpt.task.class_prior import named_prior

__all__ = ["PriorGiven"]


class PriorGiven:
    """Class frequencies that a request names; answers are adjusted after they were computed.

    Args:
        given: "uniform", "training", a mapping from class names, or None for the task's own. It is
            never taken for a path.
    """

    def __init__(self, given: str | Mapping[str, float] | None) -> None:
        self._given = given

    def check(self, tasks: ServedTasks, task: str) -> None:
        """Check the frequencies before an image is computed.

        Raises: Refusal naming a class that the task does not have; UnknownTask.
        """
        if self._given is None:
            return
        card = tasks.card(task)
        if card.classes:  # a task that is still being checked shows none
            self._target(card.classes, card.class_counts)

    def applied(self, answers: Sequence[Answer]) -> list[Answer]:
        """Return answers whose probabilities hold under the frequencies.

        Raises: Refusal if a version that has just replaced another one lacks a class.
        """
        if self._given is None:
            return list(answers)
        targets: dict[str, npt.NDArray[Any]] = {}
        for one in answers:
            if one.version not in targets:
                targets[one.version] = self._target(one.labels, one.class_counts)
        return [_adjusted(one, targets[one.version]) for one in answers]

    def _target(self, names: Sequence[str], counts: Sequence[int] | None) -> npt.NDArray[Any]:
        given = self._given
        assert given is not None
        if given == "training" and counts is None:
            raise Refusal(422, "invalid_prior", "prior: the task has no numbers of images.")
        if isinstance(given, Mapping):
            unknown = next(iter(given.keys() - set(names)), None)
            if unknown is not None:  # without the nearest ones, which would take long to find
                known = "GET v1/tasks/NAME lists its classes."
                raise Refusal(
                    422, "invalid_prior", f"prior: the task has no class '{unknown}'. {known}"
                )
        try:
            return named_prior(names, counts or (), given)
        except ParameterError as error:
            raise Refusal(422, "invalid_prior", str(error)) from None


def _adjusted(answer: Answer, target: npt.NDArray[Any]) -> Answer:
    source = answer.source_prior
    before = np.full(len(target), 1 / len(target)) if source is None else source
    moved = adjust_to_prior(answer.probabilities.numpy()[None], before, target)[0]
    return replace(answer, probabilities=torch.from_numpy(moved.astype(np.float32)))
