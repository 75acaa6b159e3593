"""What a run folder holds, read for a report."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lpt.analysis.analysis_results import Analysis, read_analysis
from lpt.analysis.thumbnails import thumbnail_file
from lpt.config import RunConfig
from lpt.errors import RunError
from lpt.task_file import TaskSpec, read_spec
from lpt.training.run.run_folder import RunFolder, read_metrics

__all__ = ["Gathered", "check_finished", "flat_settings", "gather"]


@dataclass(frozen=True)
class Gathered:
    """A finished and analysed run.

    Attributes:
        path: its folder.
        config: its whole configuration.
        spec: the metadata of its prompt file.
        environment, results: what environment.json and results.json hold.
        metrics: the lines of metrics.jsonl.
        analysis: what `lpt analyze` found.
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
        """What people call the run."""
        return self.path.resolve().name

    def picture(self, index: int) -> str | None:
        """Small picture of an image of the analysed split as a data URI; None if there is none."""
        file = thumbnail_file(self.path / "analysis", index)
        if not file.is_file():
            return None
        return "data:image/jpeg;base64," + base64.b64encode(file.read_bytes()).decode()


def check_finished(run: Path) -> None:
    """Refuse what is no run folder, or a run that still trains. Raises: RunError."""
    folder = RunFolder(run)
    if not folder.config_file.is_file():
        raise RunError(f"{run}: no run folder (no config.yaml). Give a folder of lpt train.")
    if not folder.task_file.is_file():
        raise RunError(
            f"{run}: not finished (no task.safetensors). Go on with: lpt train --out {run} --resume"
        )


def gather(run: Path) -> Gathered:
    """Read a finished and analysed run folder.

    Raises: RunError naming the file that is absent or damaged.
    """
    check_finished(run)
    folder = RunFolder(run)
    return Gathered(
        run,
        folder.read_config(),
        read_spec(folder.task_file),
        _read_json(run / "environment.json"),
        _read_json(run / "results.json"),
        read_metrics(run),
        read_analysis(run / "analysis"),
    )


def flat_settings(config: RunConfig) -> dict[str, str]:
    """Every setting by its dotted name, with its value in YAML."""
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


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, TypeError, ValueError) as error:
        raise RunError(
            f"{path}: cannot be read ({error}). Restore it, or train again in another folder."
        ) from error
