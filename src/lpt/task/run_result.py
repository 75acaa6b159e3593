"""The record of a finished run."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter

from lpt.files.atomic_files import write_json
from lpt.files.json_files import Count, Number, Record, read_json
from lpt.task.task_display import ResultDisplay

__all__ = ["Result", "Summary", "read_result", "write_result"]

Summary = Mapping[str, float | None]
"""Metrics by name, as fractions in [0, 1]; None for a shot group without images.

The names are those of `lpt.evaluation.Metrics.summary`.
"""


@dataclass(frozen=True)
class Result(ResultDisplay):
    """The record of a finished run; results.json holds these fields.

    Numbers of parameters and bytes describe the trained task: a run without phase 2 has neither
    group prompts nor keys.

    Attributes:
        metrics: metrics of the model at the end of each phase: by phase ("phase1", "phase2"), then
            by split ("val", "test"). A run that starts at text has "zero-shot" before them: the
            scores of class names without training. Computed in float32 on all test images, and on
            at most `data.max_val_images` validation images. A split without images is missing.
        task_bytes: size of the task file in bytes.
        prompt_parameters: number of trained parameters in shared and group prompts, as the paper
            counts them.
        other_parameters: number of trained parameters in keys and classifier.
        phase_seconds: wall-clock seconds of each phase: initialisation, cached views, training,
            validation after every epoch, class means; without the final evaluation. Includes
            interrupted processes of the run up to their last checkpoint.
        peak_memory_bytes: highest memory use in bytes over all processes of the run: of the GPU if
            it was used, else of the process (`lpt.machine.devices.peak_memory`).

    >>> record = Result({}, 50_000, 1_000, 200, {"phase1": 60.0, "phase2": 90.0}, 10**9)
    >>> record.seconds
    150.0
    """

    metrics: Mapping[str, Mapping[str, Summary]]
    task_bytes: int
    prompt_parameters: int
    other_parameters: int
    phase_seconds: Mapping[str, float]
    peak_memory_bytes: int

    @property
    def seconds(self) -> float:
        """Wall-clock seconds of all phases."""
        return sum(self.phase_seconds.values())

    @property
    def parameters(self) -> int:
        """Number of all trained parameters."""
        return self.prompt_parameters + self.other_parameters


def write_result(run: Path, result: Result) -> None:
    """Write results.json of a run folder."""
    write_json(run / "results.json", asdict(result))


def read_result(run: Path) -> Result | None:
    """Read results.json of a run folder; None if there is none.

    Raises: RunError if the file is damaged.
    """
    path = run / "results.json"
    if not path.exists():
        return None
    found = read_json(path, _RESULT, remedy="Restore or remove it.")
    return Result(**found.model_dump())


_Seconds = Annotated[float, Field(ge=0, le=1e12)]


class _Result(Record):
    metrics: dict[str, dict[str, dict[str, Number | None]]]
    task_bytes: Count
    prompt_parameters: Count
    other_parameters: Count
    phase_seconds: dict[str, _Seconds]
    peak_memory_bytes: Count


_RESULT = TypeAdapter(_Result)
