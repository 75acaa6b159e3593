"""The run folder of several processes: process 0 reads and writes, the others hear about it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from lpt.config import RunConfig
from lpt.machine.group.process_group import ProcessGroup
from lpt.training.engine.checkpoint import Checkpoint
from lpt.training.run.run_folder import RunFolder

__all__ = ["GroupFolder"]


class GroupFolder(RunFolder):
    """A run folder that every process of a group has, and only process 0 touches.

    What it reads is sent to the others, because a folder on another machine may show them an older
    file. All processes call the methods that read, in the same order.

    Args:
        path: the folder, the same in all processes.
        group: the processes.
    """

    def __init__(self, path: Path, group: ProcessGroup) -> None:
        super().__init__(path)
        self.group = group

    def check_free(self) -> None:
        """Check in process 0 that a new run can be written here."""
        self.group.decided(super().check_free)

    def create(self, config: RunConfig, identity: Mapping[str, Any]) -> None:
        """Start a new run in process 0."""
        own = RunFolder(self.path)

        def start() -> None:
            own.create(config, identity)
            self._lock = own._lock

        self.group.decided(start)

    def keep(self, config: RunConfig) -> None:
        """Replace the configuration, in process 0."""
        if self.group.is_main:
            super().keep(config)

    def open(self) -> RunConfig:
        """Lock the folder in process 0, and return its configuration in all."""
        opened: list[RunConfig] = []

        def read() -> str:
            opened.append(super(GroupFolder, self).open())
            return opened[0].model_dump_json()

        text = self.group.decided(read)
        return opened[0] if opened else RunConfig.model_validate_json(text)

    def check_identity(self, identity: Mapping[str, Any]) -> str | None:
        """Check in process 0 that data and backbone are those of the start."""
        note: str | None = self.group.decided(
            lambda: super(GroupFolder, self).check_identity(identity)
        )
        return note

    def checkpoint(self, stages: Mapping[str, int]) -> Checkpoint | None:
        """Return the last checkpoint in all processes."""
        found: list[Checkpoint] = []

        def read() -> None:
            checkpoint = super(GroupFolder, self).checkpoint(stages)
            found.extend([] if checkpoint is None else [checkpoint])

        self.group.decided(read)
        data = b"".join(one.to_bytes() for one in found) if self.group.is_main else None
        sent = self.group.from_main(data)
        if not sent:
            return None
        return found[0] if found else Checkpoint.of_bytes(sent, self.last_file)

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the last checkpoint, in process 0."""
        if self.group.is_main:
            super().save(checkpoint)

    def save_best(self, stage: str, trainable: Mapping[str, Tensor]) -> None:
        """Replace the best weights of a stage, in process 0."""
        if self.group.is_main:
            super().save_best(stage, trainable)

    def load_best(self, stage: str) -> dict[str, Tensor]:
        """Load the weights of a stage's best epoch in all processes."""
        return self.group.tensors_of_main(lambda: super(GroupFolder, self).load_best(stage))

    def log(self, record: Mapping[str, Any]) -> None:
        """Append a line of metrics, in process 0."""
        if self.group.is_main:
            super().log(record)

    def intact(self) -> "GroupFolder":
        """Check in process 0 that the folder is still there."""
        if self.group.is_main:
            super().intact()
        return self
