"""Measurements of a finished run."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lpt.errors import RunError

__all__ = ["Result", "Summary", "read_result"]

Summary = Mapping[str, float | None]


@dataclass(frozen=True)
class Result:
    """Measurements of a finished run.

    Attributes:
        metrics: summaries by phase ("phase1", "phase2") and split ("val", "test"); accuracies are
            in [0, 1].
        task_bytes: size of the task file.
        prompt_parameters: trainable parameters of the shared and group prompts.
        other_parameters: trainable parameters of the keys and the classifier.
        phase_seconds: time of training and validation by phase, with the start of the phase, cached
            views and resumed parts included.
        peak_memory_bytes: `lpt.devices.peak_memory`, resumed parts included.
    """

    metrics: Mapping[str, Mapping[str, Summary]]
    task_bytes: int
    prompt_parameters: int
    other_parameters: int
    phase_seconds: Mapping[str, float]
    peak_memory_bytes: int

    @property
    def seconds(self) -> float:
        """Time of all phases together."""
        return sum(self.phase_seconds.values())


def read_result(run: Path) -> Result | None:
    """Read results.json of a run folder; None if there is none.

    Raises: RunError if the file is damaged.
    """
    path = run / "results.json"
    try:
        return Result(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, TypeError, ValueError) as error:
        raise RunError(f"{path}: cannot be read ({error}). Restore or remove it.") from error
