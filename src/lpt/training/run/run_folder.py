"""The run folder: configuration, environment, metrics, checkpoints, and the task file."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from lpt.config import RunConfig
from lpt.errors import RunError
from lpt.files.atomic_files import (
    UNFINISHED,
    check_writable,
    remove_unfinished,
    write_atomic,
    write_json,
    write_text,
)
from lpt.files.file_locks import FileLock
from lpt.files.made_here import ORIGIN, mark
from lpt.training.engine.checkpoint import Checkpoint, read_tensors
from lpt.training.run.data_identity import IMAGE_SIZES, IMAGE_TIMES
from lpt.training.run.run_environment import environment
from lpt.training.run.run_files import RunFiles
from lpt.training.run.run_origin import named_places
from lpt.training.run.run_records import read_identity, read_metrics

__all__ = ["RunFolder", "free_run_path", "read_metrics"]

MIN_FREE_BYTES = 64 * 2**20

_OF_FILES = (IMAGE_SIZES, IMAGE_TIMES)
_BEFORE_CONFIG = (".lock", "environment.json", "identity.json", ORIGIN)
"""Files written before config.yaml, which makes a folder a run; without it there is no run yet."""


class RunFolder(RunFiles):
    """The folder of a run that is written. Finished files are never deleted.

    A lock on `.lock` keeps other processes from writing.

    Args:
        path: the folder; created by `create`.

    Attributes:
        records: the lines of metrics.jsonl up to the last checkpoint, parsed.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.records: list[dict[str, Any]] = []
        self._lock: FileLock | None = None

    def check_free(self) -> None:
        """Check, before anything is computed, that a new run can be written here.

        Raises: RunError if the folder already contains a run or other files, or cannot be written.
        """
        check_writable(self.path)
        if self.path.exists() and any(map(_belongs_to_run, self._entries())):
            raise RunError(
                f"{self.path}: exists and is not empty. "
                "Choose another folder with `out`, or resume the run with `resume=True`."
            )

    def create(self, config: RunConfig, identity: Mapping[str, Any]) -> None:
        """Start a new run.

        Args:
            identity: facts that must be unchanged when the run is resumed (`check_identity`).
        Raises: RunError if the folder already contains files or the disk is full.
        """
        self.check_free()
        self._claim()
        free = shutil.disk_usage(self.path).free
        if free < MIN_FREE_BYTES:
            raise RunError(
                f"{self.path}: only {free // 2**20} MB are free on this disk, but a run needs "
                f"{MIN_FREE_BYTES // 2**20} MB. Free some space or choose another folder."
            )
        write_json(self.path / "environment.json", environment())
        write_json(self.identity_file, identity)
        self.keep(config)

    def keep(self, config: RunConfig) -> None:
        """Replace the configuration, after the data moved or cached views found no room.

        What it names is marked as made on this machine: the caller has checked that it may be used.
        """
        mark(self.path, named_places(config))
        write_text(self.config_file, config.to_yaml())

    def open(self) -> RunConfig:
        """Lock the folder of an existing run and return its configuration.

        Raises: RunError if there is no run or another process has locked it.
        """
        if not self.config_file.is_file():
            raise RunError(f"{self.path}: holds no run to resume (no config.yaml).")
        config = self.read_config()
        self._claim()
        return config

    def check_identity(self, identity: Mapping[str, Any]) -> str | None:
        """Check that data and backbone are those that the run started with.

        Args:
            identity: current fingerprints, or some of them.
        Returns: a warning if image files have other sizes or times than at the start.
        Raises: RunError naming what changed.
        """
        recorded = read_identity(self.identity_file)
        changed = [name for name, value in identity.items() if recorded.get(name, value) != value]
        changed += [name for name in identity if name not in recorded and name not in _OF_FILES]
        if any(name not in _OF_FILES for name in changed):
            named = " and ".join(name for name in changed if name not in _OF_FILES)
            raise RunError(
                f"{self.path}: {named} changed since the run started. "
                "Restore them, or start a new run in another folder."
            )
        if not changed:
            return None
        return (
            f"{self.path}: {' and '.join(changed)} differ from those at the start of the run. "
            "If images were replaced, start a new run in another folder."
        )

    def checkpoint(self, stages: Mapping[str, int]) -> Checkpoint | None:
        """Return the last checkpoint; None before the first.

        Metrics written after it are dropped, because their epochs are repeated.

        Args:
            stages: number of epochs of each stage of the run, in order.
        Raises: RunError if checkpoint or metrics are damaged, or the checkpoint is missing although
            an epoch has ended.
        """
        if not self._has_checkpoint():
            self.records = []
            return None
        checkpoint = Checkpoint.load(self.last_file)
        names = list(stages)
        stage, epoch = checkpoint.position.stage, checkpoint.position.epoch
        epochs = [*stages.values(), 0]  # the position after the last stage
        if stage >= len(epochs) or epoch > epochs[stage]:
            raise RunError(
                f"{self.last_file}: damaged checkpoint (epoch {epoch:,} of stage {stage:,}, which "
                "the run does not have). Restore it, or start a new run in another folder."
            )
        lines = [(r, self._epoch_of(r, names, n)) for n, r in enumerate(read_metrics(self.path), 1)]
        self.records = [record for record, place in lines if place < (stage, epoch)]
        return checkpoint

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the last checkpoint. Raises: RunError if the folder is gone (`intact`)."""
        self.intact()
        checkpoint.save(self.last_file)

    def save_best(self, stage: str, trainable: Mapping[str, Tensor]) -> None:
        """Replace the best weights of a stage."""
        self.intact()
        tensors = {name: value.detach().cpu().contiguous() for name, value in trainable.items()}
        write_atomic(self.best_file(stage), lambda temporary: save_file(tensors, temporary))

    def load_best(self, stage: str) -> dict[str, Tensor]:
        """Load the weights of a stage's best epoch.

        Raises: RunError naming the file if it is damaged.
        """
        path = self.best_file(stage)
        return read_tensors(path, "cannot be read")[0]

    def intact(self) -> "RunFolder":
        """Return this folder after checking that it is still the one that was locked.

        Raises: RunError if it was removed or replaced: what would be written to a new folder of
            that name could not be resumed.
        """
        if self._lock is None:
            return self
        gone = not self._lock.is_in_place()
        missing = [f.name for f in (self.config_file, self.identity_file) if not f.is_file()]
        if gone or missing:
            what = "the folder" if gone else " and ".join(missing)
            raise RunError(
                f"{self.path}: {what} was removed or replaced while the run was writing to it. "
                "Start the run again."
            )
        return self

    def log(self, record: Mapping[str, Any]) -> None:
        """Append a line of metrics. The whole file is replaced, so lines are always complete."""
        self.intact()
        self.records.append(dict(record))
        lines = (json.dumps(r, ensure_ascii=False, allow_nan=False) for r in self.records)
        write_text(self.metrics_file, "".join(line + "\n" for line in lines))

    def _claim(self) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(self.path / ".lock")
            for folder in (self.path, self.last_file.parent):
                remove_unfinished(folder)
        except BlockingIOError as error:
            self.release()
            raise RunError(
                f"{self.path}: another process is training in this folder. "
                "Wait until it ends, or choose another folder with `out`."
            ) from error
        except OSError as error:
            self.release()
            raise RunError(
                f"{self.path}: cannot be written ({error.strerror}). "
                "Choose another folder with `out`."
            ) from error

    def release(self) -> None:
        """Release the lock, so that other processes may write."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _has_checkpoint(self) -> bool:
        """Whether there is a last checkpoint. Raises: RunError if it was removed or replaced."""
        path, remedy = self.last_file, "Restore it, or start a new run in another folder."
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise RunError(f"{path}: is a link or not a file. {remedy}")
        if path.exists():
            return True
        if epochs := read_metrics(self.path):
            raise RunError(f"{path}: missing after {len(epochs):,} epochs of training. {remedy}")
        return False

    def _epoch_of(
        self, record: Mapping[str, Any], stages: Sequence[str], line: int
    ) -> tuple[int, int]:
        """Return the stage's index and the epoch of a line of metrics."""
        if record["stage"] not in stages:
            known = ", ".join(stages)
            raise RunError(
                f"{self.metrics_file}: line {line} is damaged (unknown stage {record['stage']!r}). "
                f"Known: {known}."
            )
        return stages.index(record["stage"]), record["epoch"]

    def _entries(self) -> list[Path]:
        if not self.path.is_dir():
            raise RunError(f"{self.path}: is a file. Give a folder as `out`.")
        return list(self.path.iterdir())


def free_run_path(name: str, parent: Path = Path("runs")) -> Path:
    """Return `parent`/`name`, with the first free number appended if that path exists."""
    candidate, number = parent / name, 2
    while candidate.exists():
        candidate, number = parent / f"{name}-{number}", number + 1
    return candidate


def _belongs_to_run(path: Path) -> bool:
    return path.name not in _BEFORE_CONFIG and path.suffix != UNFINISHED
