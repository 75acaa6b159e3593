"""The run folder: configuration, environment, metrics, checkpoints, and the task file."""

import fcntl
import json
import os
import platform
import shutil
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from lpt.config import RunConfig, load_config
from lpt.errors import RunError
from lpt.files import UNFINISHED, remove_unfinished, write_atomic, write_json, write_text
from lpt.training.engine.checkpoint import Checkpoint

__all__ = ["RunFolder", "free_run_path"]

MIN_FREE_BYTES = 64 * 2**20

_BEFORE_CONFIG = (".lock", "environment.json", "identity.json")
"""Written before config.yaml, which makes a folder a run: alone they are no run yet."""


class RunFolder:
    """Files of one run. Nothing finished in it is ever deleted without being asked.

    config.yaml, environment.json, identity.json, metrics.jsonl, results.json, task.safetensors,
    checkpoints/{last, best-PHASE, best-PHASE-selected}.safetensors. One process writes at a time
    (a lock on `.lock`).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.records: list[dict[str, Any]] = []
        self._lock: IO[str] | None = None

    @property
    def config_file(self) -> Path:
        """The resolved configuration."""
        return self.path / "config.yaml"

    @property
    def identity_file(self) -> Path:
        """What data and backbone the run began with."""
        return self.path / "identity.json"

    @property
    def metrics_file(self) -> Path:
        """One JSON line an epoch."""
        return self.path / "metrics.jsonl"

    @property
    def task_file(self) -> Path:
        """The product of the run."""
        return self.path / "task.safetensors"

    @property
    def last_file(self) -> Path:
        """The checkpoint to resume from."""
        return self.path / "checkpoints" / "last.safetensors"

    def best_file(self, stage: str) -> Path:
        """Weights of a stage's best epoch on validation images."""
        return self.path / "checkpoints" / f"best-{stage}.safetensors"

    def check_free(self) -> None:
        """Find out, before anything is computed, whether a new run can be kept here.

        Raises: RunError if the folder holds a run or other files already.
        """
        if self.path.exists() and any(map(_is_of_a_run, self._entries())):
            raise RunError(
                f"{self.path}: exists and is not empty. "
                "Give another folder with --out, or go on with --resume."
            )

    def create(self, config: RunConfig, identity: Mapping[str, Any]) -> None:
        """Start a new run; `identity` is what a resumed run must find unchanged.

        Raises: RunError if the folder holds files already, or has no room.
        """
        self.check_free()
        self._claim()
        free = shutil.disk_usage(self.path).free
        if free < MIN_FREE_BYTES:
            raise RunError(
                f"{self.path}: only {free // 2**20} MB free on this disk, "
                f"{MIN_FREE_BYTES // 2**20} MB are needed. Free some or choose another folder."
            )
        write_json(self.path / "environment.json", environment())
        write_json(self.identity_file, identity)
        self.keep(config)

    def keep(self, config: RunConfig) -> None:
        """Replace the configuration: its data moved, or its cached views found no room."""
        write_text(self.config_file, config.to_yaml())

    def open(self) -> RunConfig:
        """Go on with a run. Raises: RunError if there is none."""
        if not self.config_file.is_file():
            raise RunError(f"{self.path}: holds no run to resume (no config.yaml).")
        config = self.read_config()
        self._claim()
        return config

    def read_config(self) -> RunConfig:
        """Read the run's configuration, also one that an older lpt wrote."""
        return load_config(self.config_file, warn=False)

    def check_identity(self, identity: Mapping[str, Any]) -> None:
        """Refuse to go on if data or backbone are no longer those that the run began with."""
        try:
            began = dict(json.loads(self.identity_file.read_text(encoding="utf-8")))
        except (OSError, TypeError, ValueError) as error:
            raise RunError(
                f"{self.identity_file}: cannot be read ({error}). "
                "Restore it, or start a new run in another folder."
            ) from error
        changed = [name for name, value in identity.items() if began.get(name) != value]
        if changed:
            raise RunError(
                f"{self.path}: {' and '.join(changed)} changed since the run began. "
                "Restore them, or start a new run in another folder."
            )

    def checkpoint(self, stages: Sequence[str]) -> Checkpoint | None:
        """Return the last checkpoint, or None. Metrics after it are dropped; they come again.

        Args:
            stages: names of the run's stages in order.
        """
        if not self.last_file.is_file():
            self.records = []
            return None
        checkpoint = Checkpoint.load(self.last_file)
        now = (checkpoint.position.stage, checkpoint.position.epoch)
        self.records = [r for r in read_metrics(self.path) if _epoch_of(r, stages) < now]
        return checkpoint

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the last checkpoint."""
        checkpoint.save(self.last_file)

    def save_best(self, stage: str, trainable: Mapping[str, Tensor]) -> None:
        """Replace the best weights of a stage."""
        tensors = {name: value.detach().cpu().contiguous() for name, value in trainable.items()}
        write_atomic(self.best_file(stage), lambda temporary: save_file(tensors, temporary))

    def load_best(self, stage: str) -> dict[str, Tensor]:
        """Weights of the best epoch of a stage. Raises: RunError naming the file if damaged."""
        path = self.best_file(stage)
        try:
            return load_file(path)
        except (OSError, SafetensorError) as error:
            raise RunError(
                f"{path}: cannot be read ({error}). "
                "Restore it, or start a new run in another folder."
            ) from error

    def log(self, record: Mapping[str, Any]) -> None:
        """Append a line of metrics; the file is replaced whole, so no line is ever torn."""
        self.records.append(dict(record))
        lines = (json.dumps(r, ensure_ascii=False, allow_nan=False) for r in self.records)
        write_text(self.metrics_file, "".join(line + "\n" for line in lines))

    def _claim(self) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = (self.path / ".lock").open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for folder in (self.path, self.last_file.parent):
                remove_unfinished(folder)
        except BlockingIOError as error:
            self.release()
            raise RunError(
                f"{self.path}: another process is training in this folder. "
                "Wait for it, or give another --out."
            ) from error
        except OSError as error:
            self.release()
            raise RunError(
                f"{self.path}: cannot be written ({error.strerror}). Give another --out."
            ) from error

    def release(self) -> None:
        """Let other processes write here."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _entries(self) -> list[Path]:
        if not self.path.is_dir():
            raise RunError(f"{self.path}: is a file. Give a folder with --out.")
        return list(self.path.iterdir())


def read_metrics(run: Path) -> list[dict[str, Any]]:
    """The lines of a run's metrics.jsonl; empty if there is none yet.

    Raises: RunError naming the line if one is damaged.
    """
    path = run / "metrics.jsonl"
    if not path.is_file():
        return []
    records: list[dict[str, Any]] = []
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            if not isinstance(record["stage"], str) or not isinstance(record["epoch"], int):
                raise ValueError("its stage or epoch is invalid")
            records.append(record)
    except (KeyError, OSError, TypeError, ValueError) as error:
        raise RunError(
            f"{path}: line {len(records) + 1} is damaged ({error}). "
            "Mend it, or move the file away: the run goes on without its lines."
        ) from error
    return records


def free_run_path(name: str, parent: Path = Path("runs")) -> Path:
    """`parent`/`name`, or with the first number behind it that is not taken."""
    candidate, number = parent / name, 2
    while candidate.exists():
        candidate, number = parent / f"{name}-{number}", number + 1
    return candidate


def environment() -> dict[str, Any]:
    """What a number measured here depends on."""
    return {
        "command": sys.argv,
        "lpt": version("lpt"),
        "torch": torch.__version__,
        "timm": version("timm"),
        "python": platform.python_version(),
        "system": platform.platform(),
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def _epoch_of(record: Mapping[str, Any], stages: Sequence[str]) -> tuple[int, int]:
    """Index of the stage, and epoch, of a line of metrics."""
    if record["stage"] not in stages:
        raise RunError(f"metrics.jsonl: unknown stage {record['stage']!r}. Known: {stages}.")
    return stages.index(record["stage"]), record["epoch"]


def _is_of_a_run(path: Path) -> bool:
    return path.name not in _BEFORE_CONFIG and path.suffix != UNFINISHED
