"""The option `--prior` of `lpt predict`: checked before torch is imported, then applied."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lpt.cli.printing import say_note
from lpt.errors import ParameterError

if TYPE_CHECKING:
    from lpt.task import Task

__all__ = ["PriorRequest"]

_ESTIMATE = "estimate"
_STDIN = "-"


@dataclass(frozen=True)
class PriorRequest:
    """Class frequencies that images are predicted under.

    Attributes:
        given: a file, "uniform", "training" or "estimate".
        paths: the images and folders to predict.
    """

    given: str
    paths: tuple[Path, ...]

    @property
    def is_estimated(self) -> bool:
        """Whether the frequencies are estimated from the images."""
        return self.given == _ESTIMATE

    @classmethod
    def of_options(
        cls, prior: str | None, accuracy: float | None, paths: Sequence[Path]
    ) -> "PriorRequest | None":
        """Return the request; None without `--prior`.

        Raises: ParameterError for options that do not fit together.
        """
        if prior is None:
            return None
        if accuracy is not None:
            raise ParameterError(
                "`accuracy`: its thresholds were measured without `prior`. Give a `threshold`."
            )
        if prior == _ESTIMATE and _STDIN in map(str, paths):
            raise ParameterError(
                "`prior` estimate: reads the images twice, which standard input does not allow. "
                "Give files or folders."
            )
        return cls(prior, tuple(paths))

    def applied(self, task: "Task", *, workers: int) -> "Task":
        """Return the task under these frequencies, which are reported if they are estimated.

        Raises: LptError as `lpt.task.class_prior.task_prior`; DataError without a readable image.
        """
        if self.given != _ESTIMATE:
            return task.with_prior(self.given)
        from lpt.api.estimate_prior import estimate_image_prior
        from lpt.cli.predictions.lazy_images import lazy_images
        from lpt.task.class_prior import PriorRule

        say_note("prior     is estimated from the images first, so each is computed twice")
        images = lazy_images(self.paths, io.BytesIO())
        sound = (image.path for image in images if image.error is None)
        estimate = estimate_image_prior(task, sound, workers=workers)
        say_note(f"prior     {PriorRule(task.spec, self.given).describe(estimate)}")
        return task.with_prior(estimate.prior)

    def identity(self, task: "Task") -> str:
        """Return a text that changes with the frequencies that a file gives a task."""
        import hashlib

        if self.given == _ESTIMATE or task.prior is None:
            return self.given
        return f"{self.given} ({hashlib.sha256(task.prior.tobytes()).hexdigest()[:12]})"
