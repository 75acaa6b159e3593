"""Serving over HTTP; needs the extra lpt[serve]. Names are imported on first use."""

from typing import Any

from lpt.lazy import find_name

__all__ = ["HttpSettings", "ServerMetrics", "create_admin_app", "create_app", "serve_until_signal"]

_HOMES = {
    "HttpSettings": "lpt.serving.http.http_settings",
    "ServerMetrics": "lpt.serving.http.prometheus_metrics",
    "create_admin_app": "lpt.serving.http.admin_app",
    "serve_until_signal": "lpt.serving.http.run_server",
    "create_app": "lpt.serving.http.web_app",
}


def __getattr__(name: str) -> Any:
    return find_name(__name__, _HOMES, name)
