"""Admin calls on a port of their own: Triton's model repository extension, behind a token."""

import hmac
from typing import Any

from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel

from lpt.serving.http.error_answers import ERRORS, ErrorAnswer, Refusal, add_error_handlers
from lpt.serving.http.guards.body_limits import BodyLimits
from lpt.serving.http.guards.request_gate import RequestGate
from lpt.serving.http.http_settings import HttpSettings
from lpt.serving.http.json_log import log_event
from lpt.serving.http.protocols.v1_routes import TaskName
from lpt.serving.http.served_tasks import ManagedTasks
from lpt.serving.serving_records import TaskCard

__all__ = ["IndexedTask", "create_admin_app"]


class IndexedTask(BaseModel):
    """A task in the index: READY, LOADING or UNAVAILABLE with a reason."""

    name: str
    version: str
    state: str
    reason: str


def create_admin_app(tasks: ManagedTasks, settings: HttpSettings) -> FastAPI:
    """Return the application of the admin port.

    Args:
        tasks: the service.
        settings: with `admin_token`, which is compared in constant time.
    """
    token = (settings.admin_token or "").encode()
    assert token  # checked by HttpSettings

    def check_token(request: Request) -> None:
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        equal = hmac.compare_digest(given.strip().encode(), token)
        if not (equal and kind.lower() == "bearer"):
            headers = {"WWW-Authenticate": "Bearer"}
            raise Refusal(401, "unauthorized", "Send the token as bearer.", headers)

    refused: dict[int | str, dict[str, Any]] = {
        401: {"model": ErrorAnswer, "description": "The token is missing or wrong."}
    }
    app = FastAPI(
        title="lpt serve: admin", docs_url=None, redoc_url=None, openapi_url=None,
        dependencies=[Depends(check_token)], responses=refused,
    )  # fmt: skip
    add_error_handlers(app)
    app.add_middleware(BodyLimits, settings=settings)
    app.add_middleware(RequestGate, hosts=settings.hosts)
    known: dict[int | str, dict[str, Any]] = {code: ERRORS[code] for code in (404, 422, 503)}

    @app.post("/v2/repository/index")
    def index() -> list[IndexedTask]:
        """List every task that can be loaded, with its state."""
        tasks.index()
        return [_indexed(card) for card in tasks.cards()]

    @app.post("/v2/repository/models/{task}/load", responses=known)
    def load(request: Request, task: TaskName) -> dict[str, str]:
        """Load a task, or the newest version of it. Parameters of the body are ignored."""
        tasks.load(task)
        log_event("load", task=task, request_id=request.scope.get("request_id"))
        return {}

    @app.post("/v2/repository/models/{task}/unload", responses=known)
    def unload(request: Request, task: TaskName) -> dict[str, str]:
        """Unload a task; requests that are under way are still answered."""
        tasks.unload(task)
        log_event("unload", task=task, request_id=request.scope.get("request_id"))
        return {}

    return app


def _indexed(card: TaskCard) -> IndexedTask:
    state = {"failed": "UNAVAILABLE", "loading": "LOADING"}.get(card.state, "READY")
    version = card.version.partition("@")[2]
    return IndexedTask(name=card.name, version=version, state=state, reason=card.reason or "")
