"""Runs in MLflow: in the store of MLFLOW_TRACKING_URI, or where MLflow keeps them by default."""

import os
import time
from collections.abc import Mapping
from itertools import islice
from typing import Any

from lpt.logs.log_sink import LogSink, RunFacts

__all__ = ["open_log"]

_BATCH = 100  # parameters, the most that a server takes at once
_LONGEST = 500  # characters of a parameter in every store


def open_log(facts: RunFacts) -> LogSink:
    """Start a run in the experiment MLFLOW_EXPERIMENT_NAME ("lpt"), or continue it."""
    return _MlflowLog(facts)


class _MlflowLog:
    def __init__(self, facts: RunFacts) -> None:
        from mlflow import MlflowClient
        from mlflow.entities import Metric, Param

        self._metric = Metric
        self._client: Any = MlflowClient()
        known = facts.recorded_id("mlflow")
        if known is not None:
            self._id = self._client.get_run(known).info.run_id
            self._client.set_terminated(self._id, "RUNNING")
            return
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "lpt")
        experiment = self._client.get_experiment_by_name(name)
        number = experiment.experiment_id if experiment else self._client.create_experiment(name)
        self._id = self._client.create_run(number, run_name=facts.name).info.run_id
        settings = iter(facts.settings.items())
        while some := list(islice(settings, _BATCH)):
            params = [Param(key, value[:_LONGEST]) for key, value in some]
            self._client.log_batch(self._id, params=params)
        facts.record_id("mlflow", self._id)

    def epoch(self, epoch: int, numbers: Mapping[str, float]) -> None:
        now = int(1000 * time.time())
        metrics = [self._metric(name, value, now, epoch) for name, value in numbers.items()]
        self._client.log_batch(self._id, metrics=metrics)

    def finish(self, numbers: Mapping[str, float]) -> None:
        self.epoch(0, numbers)

    def close(self, failed: bool) -> None:
        self._client.set_terminated(self._id, "FAILED" if failed else "FINISHED")
