"""Serve the page at / and its files; nothing of it comes from elsewhere."""

from collections.abc import Callable
from importlib import resources

from fastapi import APIRouter, Response

from lpt.serving.http.guards.safe_headers import PAGE_POLICY

__all__ = ["page_routes"]

_FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page/serve_page.js": ("serve_page.js", "text/javascript; charset=utf-8"),
    "/page/icon.svg": ("icon.svg", "image/svg+xml"),
}


def page_routes() -> APIRouter:
    """Return a route for every file of the page; the list is fixed, so no path is looked up."""
    routes = APIRouter(include_in_schema=False)
    for path, (name, kind) in _FILES.items():
        content = resources.files(__package__).joinpath(name).read_bytes()
        routes.add_api_route(path, _sender(content, kind), methods=["GET"])
    return routes


def _sender(content: bytes, kind: str) -> Callable[[], Response]:
    headers = {"Content-Type": kind, "Content-Security-Policy": PAGE_POLICY}
    headers["Cache-Control"] = "no-cache"

    def send() -> Response:
        return Response(content, headers=headers)

    return send
