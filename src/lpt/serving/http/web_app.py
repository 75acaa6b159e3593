"""The application of the main port: all protocols, the page, the OpenAPI document, metrics."""

from importlib.metadata import version

from fastapi import FastAPI, Response

from lpt.serving.http.error_answers import add_error_handlers
from lpt.serving.http.guards.body_limits import BodyLimits
from lpt.serving.http.guards.request_gate import RequestGate
from lpt.serving.http.http_settings import HttpSettings
from lpt.serving.http.page.page_routes import page_routes
from lpt.serving.http.prometheus_metrics import CONTENT_TYPE, ServerMetrics
from lpt.serving.http.protocols.hugging_face import hugging_face_routes
from lpt.serving.http.protocols.open_inference import open_inference_routes
from lpt.serving.http.protocols.v1_routes import v1_routes
from lpt.serving.http.served_tasks import ServedTasks

__all__ = ["create_app"]


def create_app(
    tasks: ServedTasks,
    settings: HttpSettings | None = None,
    metrics: ServerMetrics | None = None,
) -> FastAPI:
    """Return the application that answers for a service.

    Args:
        tasks: the service.
        settings: limits and hosts; None for the defaults.
        metrics: counts requests, and is served at /metrics; None for neither.
    """
    chosen = settings or HttpSettings()
    app = FastAPI(
        title="lpt serve",
        version=version("lpt"),
        summary="Image classification by many tasks on one backbone.",
        docs_url=None,  # these pages would load scripts from elsewhere
        redoc_url=None,
    )
    add_error_handlers(app)
    app.include_router(v1_routes(tasks, chosen))
    app.include_router(open_inference_routes(tasks, chosen))
    app.include_router(hugging_face_routes(tasks))
    app.include_router(page_routes())
    if metrics is not None:

        @app.get("/metrics", include_in_schema=False)
        def measured() -> Response:
            return Response(metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    app.add_middleware(BodyLimits, settings=chosen)
    app.add_middleware(
        RequestGate,
        hosts=chosen.hosts,
        on_request=None if metrics is None else metrics.http_request,
    )
    return app
