"""Where the files of a run are. Torch is not needed to look at them."""

from pathlib import Path

from lpt.config import RunConfig, load_config
from lpt.files.atomic_files import check_no_links

__all__ = ["RunFiles"]


_BEFORE = {"feature": "own", "adapters": {"width": 0}, "classifier": {"passes": "second"}}
"""Settings of runs whose configuration does not have them yet: those of the lpt that wrote it."""


class RunFiles:
    """The files of one run, for reading.

    config.yaml, environment.json, identity.json, origin.json, metrics.jsonl, results.json,
    task.safetensors, checkpoints/{last, best-PHASE, best-PHASE-selected}.safetensors.

    Args:
        path: the folder, which may not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def config_file(self) -> Path:
        """The resolved configuration."""
        return self.path / "config.yaml"

    @property
    def identity_file(self) -> Path:
        """Fingerprints of the data and backbone of the run."""
        return self.path / "identity.json"

    @property
    def metrics_file(self) -> Path:
        """Metrics: one line of JSON per epoch."""
        return self.path / "metrics.jsonl"

    @property
    def task_file(self) -> Path:
        """The trained task, the result of the run."""
        return self.path / "task.safetensors"

    @property
    def last_file(self) -> Path:
        """The checkpoint to resume from."""
        return self.path / "checkpoints" / "last.safetensors"

    def best_file(self, stage: str) -> Path:
        """Weights of a stage's best epoch, by macro accuracy on validation images."""
        return self.path / "checkpoints" / f"best-{stage}.safetensors"

    def read_config(self) -> RunConfig:
        """Read the configuration, also of an older lpt. Raises: RunError if it is damaged."""
        check_no_links(self.path)
        return load_config(self.config_file, warn=False, unstated=_BEFORE)
