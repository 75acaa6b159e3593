"""The Open Inference Protocol, version 2: a task is a model. Health calls of the server, too."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Path, Request, Response
from fastapi.concurrency import run_in_threadpool

from lpt.serving.http.answering import answer_images, best_classes
from lpt.serving.http.error_answers import ERRORS, Refusal
from lpt.serving.http.guards.body_limits import read_body
from lpt.serving.http.http_settings import HttpSettings
from lpt.serving.http.openapi_body import request_body
from lpt.serving.http.protocols.inference_records import (
    InferAnswer,
    InferBody,
    ModelMetadata,
    OutputTensor,
    Parameters,
    ServerMetadata,
    TensorMetadata,
)
from lpt.serving.http.protocols.tensor_data import (
    BYTES_INPUT,
    PIXELS_INPUT,
    parse_infer,
    read_images,
    to_body,
)
from lpt.serving.http.protocols.v1_records import TASK_PATTERN
from lpt.serving.http.request_body import media_type
from lpt.serving.http.served_tasks import ServedTasks
from lpt.serving.serving_records import Answer, TaskCard

__all__ = ["EXTENSIONS", "open_inference_routes"]

EXTENSIONS = ["binary_tensor_data", "classification"]
_SIZES = "Inference-Header-Content-Length"
_OUTPUTS = ("label", "probabilities", "matched", "embedding")

Name = Annotated[str, Path(pattern=TASK_PATTERN, description="A task.")]
Version = Annotated[str, Path(pattern=r"^[0-9a-f]{12}$", description="A version of the task.")]
_KNOWN: dict[int | str, dict[str, Any]] = {code: ERRORS[code] for code in (404, 422)}
_BODY = request_body(InferBody)


def open_inference_routes(tasks: ServedTasks, settings: HttpSettings) -> APIRouter:
    """Return the routes under /v2."""
    routes = APIRouter(prefix="/v2", tags=["Open Inference Protocol"])
    installed = version("lpt")  # reads a file

    @routes.get("/health/live")
    def live() -> dict[str, bool]:
        """Tell that the process answers."""
        return {"live": True}

    @routes.get("/health/ready", responses={503: {"description": "Not ready, or draining."}})
    def ready(response: Response) -> dict[str, bool]:
        """Tell whether the server takes requests."""
        is_ready = tasks.ready()
        response.status_code = 200 if is_ready else 503
        return {"ready": is_ready}

    @routes.get("")
    def server() -> ServerMetadata:
        """Describe the server."""
        return ServerMetadata(name="lpt", version=installed, extensions=EXTENSIONS)

    @routes.get("/models/{task}", responses=_KNOWN)
    def model(task: Name) -> ModelMetadata:
        """Describe the inputs and outputs of a task."""
        return _metadata(tasks.card(task))

    @routes.get("/models/{task}/versions/{number}", responses=_KNOWN)
    def model_version(task: Name, number: Version) -> ModelMetadata:
        """Describe the inputs and outputs of a version of a task."""
        return _metadata(tasks.card(_named(task, number)))

    @routes.get("/models/{task}/ready", responses={**_KNOWN, 503: ERRORS[503]})
    def model_ready(task: Name) -> dict[str, bool]:
        """Tell whether a task takes requests."""
        return _check_ready(tasks.card(task))

    @routes.get("/models/{task}/versions/{number}/ready", responses={**_KNOWN, 503: ERRORS[503]})
    def version_ready(task: Name, number: Version) -> dict[str, bool]:
        """Tell whether a version of a task takes requests."""
        return _check_ready(tasks.card(_named(task, number)))

    answers: dict[int | str, dict[str, Any]] = {200: {"model": InferAnswer}, **ERRORS}

    @routes.post("/models/{task}/infer", responses=answers, openapi_extra=_BODY)
    async def infer(request: Request, task: Name) -> Response:
        """Predict the classes of images, given as BYTES or as FP32 pixels."""
        return await _infer(request, tasks, settings, task)

    @routes.post("/models/{task}/versions/{number}/infer", responses=answers, openapi_extra=_BODY)
    async def infer_version(request: Request, task: Name, number: Version) -> Response:
        """Predict the classes of images with one version of a task."""
        return await _infer(request, tasks, settings, _named(task, number))

    return routes


async def _infer(
    request: Request, tasks: ServedTasks, settings: HttpSettings, task: str
) -> Response:
    media_type(request.headers)
    body = await read_body(request.receive)
    given, blobs = await run_in_threadpool(parse_infer, body, request.headers.get(_SIZES))
    wanted = _wanted(given)
    card = await run_in_threadpool(tasks.card, task)
    images = await run_in_threadpool(
        read_images, given, blobs, card.image_size, settings.max_images
    )
    timeout = given.parameters.get("timeout")  # microseconds
    answers = await answer_images(
        request,
        tasks,
        task,
        images,
        embedding="embedding" in wanted,
        deadline_s=timeout / 1e6 if type(timeout) is int and timeout > 0 else None,
    )
    name, _, number = answers[0].version.partition("@")
    if any(answer.version != answers[0].version for answer in answers):
        raise Refusal(
            503, "task_replaced", "The task was replaced meanwhile.", {"Retry-After": "1"}
        )
    facts: dict[str, Any] = {"model_name": name, "model_version": number}
    if given.id is not None:
        facts["id"] = given.id
    tensors = [_tensor(name, answers, parameters) for name, parameters in wanted.items()]
    content, json_size = to_body(facts, tensors)
    if json_size is None:
        return Response(content, media_type="application/json")
    headers = {_SIZES: str(json_size)}
    return Response(content, media_type="application/octet-stream", headers=headers)


def _wanted(given: InferBody) -> dict[str, Parameters]:
    """Return parameters by output, with Triton's rules for what comes in binary form."""
    binary = bool(given.parameters.get("binary_data_output", False))
    if given.outputs is None:
        parameters: Parameters = {"binary_data": True} if binary else {}
        return {name: parameters for name in _OUTPUTS if name != "embedding"}
    wanted: dict[str, Parameters] = {}
    for output in given.outputs:
        if output.name not in _OUTPUTS:
            raise Refusal(
                422, "invalid_outputs", f"output {output.name[:80]}: choose of {_OUTPUTS}."
            )
        wanted[output.name] = {"binary_data": binary, **output.parameters}
    return wanted


def _tensor(
    name: str, answers: Sequence[Answer], parameters: Parameters
) -> tuple[OutputTensor, Any]:
    count, values = len(answers), _values(name, answers)
    top = parameters.get("classification", 0)
    datatype, shape = _type_of(values), [count]
    if name == "probabilities" and type(top) is int and top > 0:
        values = [f"{p:f}:{i}:{label}" for a in answers for i, label, p in best_classes(a, top)]
        datatype, shape = "BYTES", [count, len(values) // count]
    elif not isinstance(values, list):
        shape = list(values.shape)
    binary: Parameters | None = {"binary_data_size": 0} if parameters.get("binary_data") else None
    return OutputTensor(name=name, datatype=datatype, shape=shape, parameters=binary), values


def _values(name: str, answers: Sequence[Answer]) -> Any:
    if name == "label":
        return [best_classes(answer, 1)[0][1] for answer in answers]
    if name == "probabilities":
        return np.stack([answer.probabilities.numpy() for answer in answers])
    if name == "matched":
        return np.asarray([answer.matched for answer in answers], dtype=np.int64)
    features = [answer.embedding for answer in answers]
    return np.stack([feature.numpy() for feature in features if feature is not None])


def _type_of(values: Any) -> str:
    if isinstance(values, list):
        return "BYTES"
    return "INT64" if values.dtype == np.int64 else "FP32"


def _metadata(card: TaskCard) -> ModelMetadata:
    size, classes = card.image_size, len(card.classes)
    tensor = TensorMetadata
    return ModelMetadata(
        name=card.name,
        versions=[card.version.partition("@")[2]],
        platform="lpt",
        inputs=[
            tensor(name=BYTES_INPUT, datatype="BYTES", shape=[-1]),
            tensor(name=PIXELS_INPUT, datatype="FP32", shape=[-1, 3, size, size]),
        ],
        outputs=[
            tensor(name="label", datatype="BYTES", shape=[-1]),
            tensor(name="probabilities", datatype="FP32", shape=[-1, classes]),
            tensor(name="matched", datatype="INT64", shape=[-1, -1]),
            tensor(name="embedding", datatype="FP32", shape=[-1, -1]),
        ],
    )


def _check_ready(card: TaskCard) -> dict[str, bool]:
    if card.state == "failed":
        raise Refusal(503, "task_unavailable", card.reason or "The task failed its check.")
    return {"ready": True}


def _named(task: str, number: str) -> str:
    return f"{task.partition('@')[0]}@{number}"
