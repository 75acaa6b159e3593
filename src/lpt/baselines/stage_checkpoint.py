"""The checkpoint of one stage of a baseline, from which an interrupted training resumes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from lpt.files.atomic_files import remove_unfinished
from lpt.training.engine.checkpoint import Checkpoint

__all__ = ["StageCheckpoint"]


class StageCheckpoint:
    """The last checkpoint of one stage: FOLDER/stage-NUMBER.safetensors.

    A study keeps a baseline's predictions, not its weights, so the caller removes the folder when
    the run is finished.

    Args:
        folder: created with the first checkpoint; None saves none.
        number: of the stage within the baseline.
    """

    def __init__(self, folder: Path | None, number: int) -> None:
        self.path = None if folder is None else folder / f"stage-{number}.safetensors"
        if folder is not None and folder.is_dir():
            remove_unfinished(folder)

    def load(self) -> Checkpoint | None:
        """Return the last checkpoint, if any. Raises: RunError naming the file if it is damaged."""
        if self.path is None or not self.path.is_file():
            return None
        return Checkpoint.load(self.path)

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the last checkpoint."""
        if self.path is not None:
            checkpoint.save(self.path)

    def save_best(self, stage: str, trainable: Mapping[str, Tensor]) -> None:
        """Do nothing: baselines report the last epoch."""

    def log(self, record: Mapping[str, Any]) -> None:
        """Do nothing: metrics go to the reporter only."""
