"""The logs that can be named, each with the package that it needs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from lpt.errors import LptError, ParameterError, RunError
from lpt.logs.log_sink import LogReporter, LogSink, RunFacts
from lpt.progress import Reporter
from lpt.registry import Registry

__all__ = ["LOGS", "LogKind", "check_log", "register_log", "with_log"]


@dataclass(frozen=True)
class LogKind:
    """A kind of log.

    Attributes:
        title: its name for people.
        package: module that it needs.
        install: what pip installs to have it.
        open: starts the record of a run, or continues it.
    """

    title: str
    package: str
    install: str
    open: Callable[[RunFacts], LogSink]


def _builtin(title: str, package: str, module: str) -> LogKind:
    def open_(facts: RunFacts) -> LogSink:
        sink: LogSink = import_module(f"lpt.logs.{module}").open_log(facts)
        return sink

    return LogKind(title, package, f"lpt[{module.removesuffix('_log')}]", open_)


LOGS: Registry[LogKind] = Registry(
    "log",
    {
        "tensorboard": _builtin("TensorBoard", "tensorboard", "tensorboard_log"),
        "mlflow": _builtin("MLflow", "mlflow", "mlflow_log"),
        "wandb": _builtin("Weights & Biases", "wandb", "wandb_log"),
        "trackio": _builtin("Trackio", "trackio", "trackio_log"),
    },
)


def register_log(name: str, kind: LogKind, *, replace: bool = False) -> None:
    """Add a log, which `lpt train --log` then names.

    Args:
        name: without blanks and without any of / : = ,
        kind: the log.
        replace: whether a registered log of that name may be replaced.
    Raises: ConfigError if the name is taken.
    """
    LOGS.register(name, kind, replace=replace)


def check_log(log: str | None) -> None:
    """Check that logs can be written, before anything is computed.

    Args:
        log: names of logs, joined by commas, or None for no log.
    Raises: ConfigError for any other name, or if a package is not installed.

    >>> check_log("loki")
    Traceback (most recent call last):
    ...
    lpt.errors.ParameterError: log loki: unknown. Known: tensorboard, mlflow, wandb, trackio.
    """
    for name in _names(log):
        if name not in LOGS:
            raise ParameterError(f"`log` {name}: unknown. Known: {', '.join(LOGS)}.")
        kind = LOGS[name]
        if find_spec(kind.package) is None:
            raise ParameterError(
                f"`log` {name}: {kind.title} is not installed. Run: pip install '{kind.install}'"
            )


def with_log(
    reporter: Reporter, log: str | None, folder: Path, settings: Mapping[str, str]
) -> Reporter:
    """Return a reporter that also feeds logs; itself if `log` is None.

    Args:
        log: as for `check_log`.
        folder: run folder.
        settings: of the run, as text by dotted name.
    Raises: ConfigError as `check_log`; RunError naming a log that cannot be opened.
    """
    check_log(log)
    facts = RunFacts(folder, settings)
    for name in _names(log):
        try:
            sink = LOGS[name].open(facts)
        except LptError:
            raise
        except Exception as error:  # of any client: no login, no server
            reason = " ".join(str(error).split())
            raise RunError(
                f"`log` {name}: cannot be opened ({reason}). Check its settings, or leave it out."
            ) from error
        reporter = LogReporter(reporter, name, sink)
    return reporter


def _names(log: str | None) -> tuple[str, ...]:
    return () if log is None else tuple(dict.fromkeys(log.split(",")))
