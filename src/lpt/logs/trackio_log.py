"""Runs in Trackio, on this machine (TRACKIO_DIR) or in the Space that its settings name."""

import os
import secrets
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from typing import Any

from lpt.logs.log_sink import LogSink, RunFacts

__all__ = ["open_log"]


def open_log(facts: RunFacts) -> LogSink:
    """Start a run in the project TRACKIO_PROJECT ("lpt"), or continue it."""
    return _TrackioLog(facts)


class _TrackioLog:
    def __init__(self, facts: RunFacts) -> None:
        import trackio

        known = facts.recorded_id("trackio")
        with redirect_stdout(sys.stderr):  # standard output is for results
            self._run: Any = trackio.init(
                project=os.environ.get("TRACKIO_PROJECT", "lpt"),
                name=known or f"{facts.name}-{secrets.token_hex(3)}",  # continues any such name
                config=dict(facts.settings),
                resume="allow",
                embed=False,
            )
        self._finish = trackio.finish  # of the run that was started last
        facts.record_id("trackio", self._run.name)

    def epoch(self, epoch: int, numbers: Mapping[str, float]) -> None:
        (stage,) = {name.partition("/")[0] for name in numbers}
        self._run.log({**numbers, f"{stage}/epoch": epoch})

    def finish(self, numbers: Mapping[str, float]) -> None:
        self._run.log(dict(numbers))

    def close(self, failed: bool) -> None:
        del failed
        with redirect_stdout(sys.stderr):
            self._finish()
