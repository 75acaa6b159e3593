"""Runs in Weights & Biases, by its own settings (WANDB_MODE, WANDB_PROJECT, WANDB_DIR)."""

import os
from collections.abc import Mapping
from typing import Any

from lpt.logs.log_sink import LogSink, RunFacts

__all__ = ["open_log"]


def open_log(facts: RunFacts) -> LogSink:
    """Start a run in the project WANDB_PROJECT ("lpt"), or continue it; files are in RUN/wandb."""
    return _WandbLog(facts)


class _WandbLog:
    def __init__(self, facts: RunFacts) -> None:
        import wandb

        run: Any = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "lpt"),
            name=facts.name,
            config=dict(facts.settings),
            dir=os.environ.get("WANDB_DIR", str(facts.folder)),
            id=facts.recorded_id("wandb"),
            resume="allow",
            reinit="create_new",
            settings=wandb.Settings(silent=True, console="off"),
        )
        self._run = run
        facts.record_id("wandb", run.id)

    def epoch(self, epoch: int, numbers: Mapping[str, float]) -> None:
        stages = {name.partition("/")[0] for name in numbers}
        for stage in stages:
            self._run.define_metric(f"{stage}/*", step_metric=f"{stage}/epoch")
        self._run.log({**numbers, **{f"{stage}/epoch": epoch for stage in stages}})

    def finish(self, numbers: Mapping[str, float]) -> None:
        self._run.summary.update(dict(numbers))

    def close(self, failed: bool) -> None:
        self._run.finish(exit_code=1 if failed else 0)
