"""Records of runs in the tools where people keep them: TensorBoard, MLflow, W&B, Trackio."""

from lpt.logs.known_logs import LOGS, LogKind, check_log, register_log, with_log
from lpt.logs.log_sink import LogReporter, LogSink, RunFacts

__all__ = [
    "LOGS",
    "LogKind",
    "LogReporter",
    "LogSink",
    "RunFacts",
    "check_log",
    "register_log",
    "with_log",
]
