"""Event files for TensorBoard, in RUN/tensorboard."""

from collections.abc import Mapping

from lpt.logs.log_sink import LogSink, RunFacts

__all__ = ["open_log"]


def open_log(facts: RunFacts) -> LogSink:
    """Start event files; those of an interrupted process stay, and TensorBoard joins them."""
    return _TensorBoardLog(facts)


class _TensorBoardLog:
    def __init__(self, facts: RunFacts) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(facts.folder / "tensorboard"))

    def epoch(self, epoch: int, numbers: Mapping[str, float]) -> None:
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, epoch)
        self._writer.flush()

    def finish(self, numbers: Mapping[str, float]) -> None:
        self.epoch(0, numbers)

    def close(self, failed: bool) -> None:
        del failed
        self._writer.close()
