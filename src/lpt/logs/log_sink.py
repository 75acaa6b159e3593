"""The interface of a log, and the reporter that feeds it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol

from pydantic import Field, TypeAdapter

from lpt.errors import RunError
from lpt.files.atomic_files import write_json
from lpt.files.json_files import read_json
from lpt.files.made_here import is_marked, mark
from lpt.progress import Record, Reporter

__all__ = ["LogReporter", "LogSink", "RunFacts"]

FILE = "logs.json"
_Text = Annotated[str, Field(max_length=500)]
_IDS = TypeAdapter(dict[_Text, _Text])


@dataclass(frozen=True)
class RunFacts:
    """What a log knows about a run when it is opened.

    Attributes:
        folder: run folder.
        settings: value of each setting by dotted name, as text.
    """

    folder: Path
    settings: Mapping[str, str]

    @property
    def name(self) -> str:
        """Name of the run: that of its folder."""
        return self.folder.resolve().name

    def recorded_id(self, log: str) -> str | None:
        """Return the id that a log gave to this run before it was interrupted.

        An id from elsewhere would decide which of the user's records is continued.

        Raises: RunError if logs.json of the run folder is damaged, or was not written on this
            machine.
        """
        found = self._recorded().get(log)
        if found is not None and not is_marked(self.folder, _use(log), found):
            raise RunError(
                f"{self.folder / FILE}: the id of {log} was not written on this machine. Remove "
                "the file to begin a new record."
            )
        return found

    def record_id(self, log: str, run_id: str) -> None:
        """Keep the id of this run in a log, in logs.json of the run folder."""
        mark(self.folder, {_use(log): run_id})
        write_json(self.folder / FILE, {**self._recorded(), log: run_id})

    def _recorded(self) -> dict[str, str]:
        file = self.folder / FILE
        return read_json(file, _IDS, remedy="Remove it.") if file.exists() else {}


def _use(log: str) -> str:
    return f"id of {log}"


class LogSink(Protocol):
    """Receives the numbers of a run; one object per run."""

    def epoch(self, epoch: int, numbers: Mapping[str, float]) -> None:
        """Receive the numbers of an epoch.

        Args:
            epoch: number of the epoch in its stage, from 1.
            numbers: by name, such as "phase1/loss" and "phase1/val/few"; the name begins with the
                stage.
        """

    def finish(self, numbers: Mapping[str, float]) -> None:
        """Receive the final scores by name, such as "final/phase2/test/few"."""

    def close(self, failed: bool) -> None:
        """End the record; also after `finish`, and after a failure or an interruption."""


class LogReporter:
    """Feeds a log with the metrics of each epoch, and forwards everything to a reporter.

    A log that fails during a run is given up with a message: training matters more.

    Args:
        inner: the reporter that receives everything.
        name: of the log, for the message.
        sink: the log.
    """

    def __init__(self, inner: Reporter, name: str, sink: LogSink) -> None:
        self.message, self.begin = inner.message, inner.begin
        self.advance, self.end = inner.advance, inner.end
        self.inner, self.name = inner, name
        self.sink: LogSink | None = sink

    def epoch(self, record: Record) -> None:
        """Log every number of the record under the name of its stage."""
        numbers = {f"{record['stage']}/{name}": value for name, value in _numbers(record)}
        self._call("epoch", record["epoch"] + 1, numbers)
        self.inner.epoch(record)

    def finish(self, metrics: Mapping[str, Mapping[str, Mapping[str, float | None]]]) -> None:
        """Log the final metrics: by phase, split and name."""
        numbers = {
            f"final/{phase}/{split}/{name}": float(value)
            for phase, splits in metrics.items()
            for split, scores in splits.items()
            for name, value in scores.items()
            if value is not None
        }
        self._call("finish", numbers)
        if isinstance(self.inner, LogReporter):
            self.inner.finish(metrics)

    def close(self, failed: bool) -> None:
        """End the record of the run."""
        self._call("close", failed)
        self.sink = None
        if isinstance(self.inner, LogReporter):
            self.inner.close(failed)

    def _call(self, method: str, *arguments: Any) -> None:
        if self.sink is None:
            return
        try:
            getattr(self.sink, method)(*arguments)
        except Exception as error:  # of any client: a full disk, a server that is gone
            self.sink = None
            reason = " ".join(str(error).split())
            self.message(f"warning   log {self.name} failed and is given up: {reason}")


def _numbers(record: Record) -> list[tuple[str, float]]:
    scores = record.get("val") or {}
    flat = {**record, **{f"val/{name}": value for name, value in scores.items()}}
    return [
        (name, float(value))
        for name, value in flat.items()
        if isinstance(value, int | float) and name not in ("epoch", "epochs")
    ]
