"""What a finished run measured."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Result", "Summary"]

Summary = Mapping[str, float | None]


@dataclass(frozen=True)
class Result:
    """What a finished run measured.

    Attributes:
        metrics: summaries by phase ("phase1", "phase2") and data ("val", "test").
        task_bytes: size of the prompt file.
        prompt_parameters: in shared and group prompts.
        other_parameters: in keys and classifier.
        phase_seconds: of training and validation by phase; where it starts, cached views and
            resumed parts included.
        peak_memory_bytes: held at most (`lpt.devices.peak_memory`), resumed parts included.
    """

    metrics: Mapping[str, Mapping[str, Summary]]
    task_bytes: int
    prompt_parameters: int
    other_parameters: int
    phase_seconds: Mapping[str, float]
    peak_memory_bytes: int

    @property
    def seconds(self) -> float:
        """Of both phases."""
        return sum(self.phase_seconds.values())
