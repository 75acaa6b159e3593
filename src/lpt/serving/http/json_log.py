"""The log of a server: one line of JSON per event on stderr."""

import datetime
import logging
import sys
import traceback
from typing import Any, TextIO

from lpt.escape import json_text, shortened

__all__ = ["log_error", "log_event", "start_log"]

_LOGGER = logging.getLogger("lpt.serving")
_LOGGER.addHandler(logging.NullHandler())
_LONGEST = 4000  # characters of a field


class _JsonLines(logging.Formatter):
    """Write time, level, event and fields; control characters of all of them are escaped."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        fields: dict[str, Any] = {
            "time": time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": shortened(record.getMessage(), _LONGEST),
        }
        if record.exc_info and record.exc_info[1] is not None:
            text = "".join(traceback.format_exception(record.exc_info[1]))
            fields["error"] = shortened(text, _LONGEST)
        for name, value in getattr(record, "facts", {}).items():
            fields[name] = shortened(value, _LONGEST) if isinstance(value, str) else value
        return json_text(fields)


def start_log(stream: TextIO | None = None) -> None:
    """Write the log of the server, and warnings of uvicorn, to a stream; stderr by default."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_JsonLines())
    _LOGGER.handlers = [handler]
    _LOGGER.setLevel(logging.INFO)
    _LOGGER.propagate = False
    server = logging.getLogger("uvicorn.error")
    server.handlers, server.propagate = [handler], False
    server.setLevel(logging.WARNING)


def log_event(event: str, **facts: Any) -> None:
    """Log an event with its fields."""
    if _LOGGER.isEnabledFor(logging.INFO):
        _LOGGER.info(event, extra={"facts": facts})


def log_error(event: str, error: BaseException, **facts: Any) -> None:
    """Log an error that nobody expected, with its traceback."""
    _LOGGER.error(event, exc_info=error, extra={"facts": facts})
