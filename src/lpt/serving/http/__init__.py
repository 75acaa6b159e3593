"""Serving over HTTP; needs the extra lpt[serve]. Names are imported on first use."""

from typing import Any

from lpt.lazy import find_name

__all__ = ["HttpSettings", "ServerMetrics", "admin_app", "run_server", "web_app"]

_HOMES = {
    "HttpSettings": "lpt.serving.http.http_settings",
    "ServerMetrics": "lpt.serving.http.prometheus_metrics",
    "admin_app": "lpt.serving.http.admin_app",
    "run_server": "lpt.serving.http.run_server",
    "web_app": "lpt.serving.http.web_app",
}


def __getattr__(name: str) -> Any:
    return find_name(__name__, _HOMES, name)
