"""Files of a finished run, read for a report."""

import base64
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from lpt.analysis.analysis_results import Analysis, read_analysis
from lpt.analysis.thumbnails import thumbnail_file
from lpt.config import RunConfig
from lpt.errors import RunError
from lpt.task.run_result import read_result
from lpt.task_file import TaskSpec, read_spec
from lpt.training.run.run_folder import RunFolder
from lpt.training.run.run_records import read_environment, read_metrics

__all__ = ["FinishedRun", "check_finished", "flat_settings", "read_finished_run"]


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
    """

    path: Path
    config: RunConfig
    spec: TaskSpec
    environment: Mapping[str, Any]
    results: Mapping[str, Any]
    metrics: list[dict[str, Any]]
    analysis: Analysis

    @property
    def name(self) -> str:
        """Name of the run folder."""
        return self.path.resolve().name

    def picture(self, index: int) -> str | None:
        """Return the thumbnail of an analysed image as a data URI; None if there is none."""
        file = thumbnail_file(self.path / "analysis", index)
        if not file.is_file():
            return None
        return "data:image/jpeg;base64," + base64.b64encode(file.read_bytes()).decode()


def check_finished(run: Path) -> None:
    """Check that a folder is a finished run. Raises: RunError if it is not."""
    folder = RunFolder(run)
    if not folder.config_file.is_file():
        raise RunError(
            f"{run}: not a run folder (no config.yaml). Give a folder that lpt train wrote."
        )
    if not folder.task_file.is_file():
        raise RunError(
            f"{run}: not finished (no task.safetensors). Run: lpt train --out {run} --resume"
        )


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


def _results(run: Path) -> dict[str, Any]:
    result = read_result(run)
    if result is None:
        raise RunError(f"{run}: has no results.json. Restore it, or train again in another folder.")
    return asdict(result)
