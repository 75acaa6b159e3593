"""Files of a finished run, read for a report."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from lpt.analysis.analysis_results import Analysis, read_analysis
from lpt.analysis.predictions import ImagePrediction, read_predictions
from lpt.analysis.thumbnails import thumbnail_file
from lpt.config import RunConfig
from lpt.errors import RunError
from lpt.escape import printable, shell_command
from lpt.files.regular_files import read_regular
from lpt.progress import plural
from lpt.task.run_result import read_result
from lpt.task_file import TaskSpec, read_spec
from lpt.training.run.run_folder import RunFolder
from lpt.training.run.run_records import read_environment, read_identity, read_metrics

__all__ = [
    "FinishedRun",
    "UnfinishedRun",
    "check_finished",
    "distinct_labels",
    "flat_settings",
    "is_finished",
    "is_tested",
    "read_finished_run",
    "read_unfinished_run",
]

_THUMBNAIL = 2**20  # bytes of the largest file; they have some thousands


@dataclass(frozen=True)
class FinishedRun:
    """A finished and analysed run.

    Attributes:
        path: run folder.
        config: complete configuration.
        spec: metadata of the task file.
        environment, results: contents of environment.json and results.json.
        metrics: one record per epoch, from metrics.jsonl.
        analysis: results of `lpt analyze`.
        predictions: prediction of each analysed image; None for an analysis of an earlier version.
        corrections: what a list of corrections changed in the data; "" without one.
        label: another name than the folder's, where several runs have the same folder name.
    """

    path: Path
    config: RunConfig
    spec: TaskSpec
    environment: Mapping[str, Any]
    results: Mapping[str, Any]
    metrics: list[dict[str, Any]]
    analysis: Analysis
    predictions: tuple[ImagePrediction, ...] | None = None
    corrections: str = ""
    label: str = ""

    @property
    def name(self) -> str:
        """Name of the run folder, or the label."""
        return printable(self.label or self.path.resolve().name)

    def picture(self, index: int, prefix: str = "") -> str | None:
        """Return the thumbnail of an analysed image as a data URI; None if there is none."""
        file = thumbnail_file(self.path / "analysis", index, prefix)
        if not file.is_file():
            return None
        data = read_regular(file, _THUMBNAIL, error=RunError)
        return "data:image/jpeg;base64," + base64.b64encode(data).decode()


@dataclass(frozen=True)
class UnfinishedRun:
    """A run that was interrupted or is still training.

    Attributes:
        path: run folder.
        config: complete configuration.
        metrics: one record per finished epoch, from metrics.jsonl.
    """

    path: Path
    config: RunConfig
    metrics: list[dict[str, Any]]

    @property
    def name(self) -> str:
        """Name of the run folder."""
        return printable(self.path.resolve().name)

    @property
    def progress(self) -> str:
        """How many epochs of each phase are finished, as a sentence."""
        done = [record["stage"] for record in self.metrics]
        parts = [
            f"{done.count(f'phase{i}')} of {plural(phase.epochs, 'epoch')} of phase {i}"
            for i, phase in ((1, self.config.phase1), (2, self.config.phase2))
        ]
        return f"Finished: {' and '.join(parts)}."


def is_finished(run: Path) -> bool:
    """Whether a folder is a finished run. Raises: RunError if it is no run."""
    folder = RunFolder(run)
    if not folder.config_file.is_file():
        raise RunError(
            f"{run}: not a run folder (no config.yaml). Give a folder that lpt train wrote."
        )
    return folder.task_file.is_file()


def is_tested(run: Path) -> bool:
    """Whether a finished run has results on held-out images, or an analysis of others."""
    analysed = (run / "analysis" / "analysis.json").is_file()
    result = read_result(run)
    return analysed or result is None or any(result.metrics.values())


def distinct_labels(runs: Sequence[Path]) -> list[str]:
    """Name runs by their folders; runs whose folders have the same name by as much as differs.

    Raises: RunError if a run is given twice.

    >>> distinct_labels([Path("a/run"), Path("b/run"), Path("c")])
    ['a/run', 'b/run', 'c']
    """
    places = [run.resolve() for run in runs]
    for run, place in zip(runs, places, strict=True):
        if places.count(place) > 1:
            raise RunError(f"{run}: is given twice. A run cannot be compared with itself.")
    return [_shortest(place, places) for place in places]


def _shortest(place: Path, places: Sequence[Path]) -> str:
    for size in range(1, len(place.parts)):
        own = place.parts[-size:]
        if sum(other.parts[-size:] == own for other in places) == 1:
            return "/".join(own)
    return str(place)


def read_unfinished_run(run: Path) -> UnfinishedRun:
    """Read what an unfinished run has recorded. Raises: RunError naming a damaged file."""
    folder = RunFolder(run)
    return UnfinishedRun(run, folder.read_config(), read_metrics(run))


def check_finished(run: Path) -> None:
    """Check that a folder is a finished run. Raises: RunError if it is not."""
    if not is_finished(run):
        command = shell_command("lpt", "train", "--out", run, "--resume")
        raise RunError(f"{run}: not finished (no task.safetensors). Run: {command}")


def read_finished_run(run: Path) -> FinishedRun:
    """Read a finished and analysed run folder.

    Raises: RunError naming the file that is missing or damaged.
    """
    check_finished(run)
    folder = RunFolder(run)
    return FinishedRun(
        run,
        folder.read_config(),
        read_spec(folder.task_file),
        read_environment(run / "environment.json"),
        _results(run),
        read_metrics(run),
        read_analysis(run / "analysis"),
        read_predictions(run / "analysis"),
        _corrections(folder),
    )


def flat_settings(config: RunConfig) -> dict[str, str]:
    """Flatten a configuration: the value of each setting as YAML, by dotted name."""
    flat: dict[str, str] = {}

    def walk(prefix: str, value: Any) -> None:
        if isinstance(value, dict) and value:
            for name, inner in value.items():
                walk(f"{prefix}.{name}" if prefix else name, inner)
        else:
            text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True)
            flat[prefix] = text.removesuffix("\n...\n").strip()

    walk("", config.model_dump(mode="json"))
    return flat


def _corrections(folder: RunFolder) -> str:
    if not folder.identity_file.is_file():
        return ""
    return str(read_identity(folder.identity_file).get("corrections", ""))


def _results(run: Path) -> dict[str, Any]:
    result = read_result(run)
    if result is None:
        raise RunError(f"{run}: has no results.json. Restore it, or train again in another folder.")
    return asdict(result)
