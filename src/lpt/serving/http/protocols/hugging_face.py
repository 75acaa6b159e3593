"""Image classification as Hugging Face's inference clients ask for it."""

from typing import Annotated, Literal

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field

from lpt.serving.http.answering import answer_images, best_classes, check_number
from lpt.serving.http.error_answers import ERRORS
from lpt.serving.http.guards.body_limits import read_body
from lpt.serving.http.openapi_body import request_body
from lpt.serving.http.protocols.v1_records import Top
from lpt.serving.http.protocols.v1_routes import TaskName
from lpt.serving.http.request_body import decode_base64, media_type, parse_record
from lpt.serving.http.served_tasks import ServedTasks

__all__ = ["ClassificationBody", "LabelScore", "hugging_face_routes"]


class ClassificationParameters(BaseModel):
    """Options of a request; our scores are always probabilities."""

    model_config = ConfigDict(extra="ignore")

    top_k: Top | None = None
    function_to_apply: Literal["softmax"] | None = None


class ClassificationBody(BaseModel):
    """A request with options."""

    model_config = ConfigDict(extra="ignore")

    inputs: Annotated[str, Field(description="An encoded image in base64.")]
    parameters: ClassificationParameters = ClassificationParameters()


class LabelScore(BaseModel):
    """A class and its probability."""

    label: str
    score: float


_BODY = request_body(ClassificationBody, raw=True)


def hugging_face_routes(tasks: ServedTasks) -> APIRouter:
    """Return the route /hf/TASK, the URL that `InferenceClient` takes as its model."""
    routes = APIRouter(tags=["Hugging Face"])

    @routes.post("/hf/{task}", responses=ERRORS, openapi_extra=_BODY)
    async def classify(request: Request, task: TaskName) -> list[LabelScore]:
        """Classify one image, given as raw bytes or in JSON."""
        kind, body = media_type(request.headers), await read_body(request.receive)
        top = None
        if kind == "application/json":
            given = await run_in_threadpool(parse_record, ClassificationBody, body)
            top, body = given.parameters.top_k, decode_base64(given.inputs, "inputs")
        check_number(1 if body else 0, 1)
        (answer,) = await answer_images(request, tasks, task, [body])
        return [
            LabelScore(label=label, score=probability)
            for _, label, probability in best_classes(answer, top or 5)
        ]

    return routes
