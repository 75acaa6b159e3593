"""Where a stage of a rival keeps what it needs to go on after a kill."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from lpt.files import remove_unfinished
from lpt.training.engine.checkpoint import Checkpoint

__all__ = ["StageFile"]


class StageFile:
    """The last checkpoint of one stage: FOLDER/stage-NUMBER.safetensors.

    A study keeps a rival's answers, not its weights, so the folder goes when the cell is finished.

    Args:
        folder: made when there is something to keep; None keeps nothing.
    """

    def __init__(self, folder: Path | None, number: int) -> None:
        self.path = None if folder is None else folder / f"stage-{number}.safetensors"
        if folder is not None and folder.is_dir():
            remove_unfinished(folder)

    def checkpoint(self) -> Checkpoint | None:
        """The last one, or None. Raises: RunError naming the file if it is damaged."""
        if self.path is None or not self.path.is_file():
            return None
        return Checkpoint.load(self.path)

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the last one."""
        if self.path is not None:
            checkpoint.save(self.path)

    def save_best(self, stage: str, trainable: Mapping[str, Tensor]) -> None:
        """Ignore: the last epoch is reported."""

    def log(self, record: Mapping[str, Any]) -> None:
        """Ignore."""
