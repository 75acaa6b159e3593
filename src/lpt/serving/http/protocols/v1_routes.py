"""The calls under /v1: predict, list the tasks, describe one."""

import base64
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.concurrency import run_in_threadpool

from lpt.serving.http.answering import answer_images, best_classes, check_number
from lpt.serving.http.error_answers import ERRORS, Refusal
from lpt.serving.http.guards.body_limits import read_body
from lpt.serving.http.http_settings import HttpSettings
from lpt.serving.http.openapi_body import request_body
from lpt.serving.http.protocols.v1_records import (
    TASK_PATTERN,
    ClassProbability,
    ImagePrediction,
    NamedPrior,
    NearestImage,
    NearestTrainingImages,
    NumberNearest,
    PredictAnswer,
    PredictBody,
    ServedClass,
    TaskDetails,
    TaskList,
    TaskSummary,
    Threshold,
    Top,
)
from lpt.serving.http.request_body import (
    GivenImage,
    decode_base64,
    media_type,
    parse_parts,
    parse_record,
)
from lpt.serving.http.request_prior import PriorGiven
from lpt.serving.http.served_tasks import ServedTasks
from lpt.serving.serving_records import Answer, NearestImages, TaskCard

__all__ = ["TaskName", "v1_routes"]

TaskName = Annotated[
    str, Path(pattern=TASK_PATTERN, description="A task, or name@version for one version of it.")
]
_KNOWN: dict[int | str, dict[str, Any]] = {code: ERRORS[code] for code in (404, 422)}
_BINARY = ("", "application/octet-stream", "application/x-www-form-urlencoded")
"""Types of a body that is one image; the last is that of `curl --data-binary`."""
_BODY = request_body(PredictBody, raw=True, multipart=True)


def v1_routes(tasks: ServedTasks, settings: HttpSettings) -> APIRouter:
    """Return the routes under /v1."""
    routes = APIRouter(prefix="/v1", tags=["tasks"], dependencies=[Depends(_check_query)])

    @routes.get("/tasks", responses={422: ERRORS[422]})
    def list_tasks() -> TaskList:
        """List all tasks."""
        return TaskList(tasks=[_summary(card) for card in tasks.cards()])

    @routes.get("/tasks/{task}", responses=_KNOWN)
    def describe_task(task: TaskName) -> TaskDetails:
        """Describe a task: classes, training images per class, metrics, metadata."""
        return _details(tasks.card(task))

    @routes.post("/tasks/{task}/predict", responses=ERRORS, openapi_extra=_BODY)
    async def predict(
        request: Request,
        task: TaskName,
        top: Annotated[Top, Query()] = 5,
        threshold: Annotated[Threshold | None, Query()] = None,
        embedding: Annotated[
            bool, Query(description="Whether to return the feature of each image.")
        ] = False,
        nearest: Annotated[NumberNearest, Query()] = 0,
        prior: Annotated[NamedPrior | None, Query()] = None,
    ) -> PredictAnswer:
        """Predict the classes of one image (raw bytes) or of several (multipart, JSON)."""
        kind, frequencies = media_type(request.headers), PriorGiven(prior)
        body = await read_body(request.receive)
        if kind == "application/json":
            given = await run_in_threadpool(parse_record, PredictBody, body)
            top = top if given.top is None else given.top
            threshold = threshold if given.threshold is None else given.threshold
            embedding = embedding if given.embedding is None else given.embedding
            nearest = nearest if given.nearest is None else given.nearest
            frequencies = PriorGiven(prior if given.prior is None else given.prior)
            check_number(len(given.images), settings.max_images)
            images = await run_in_threadpool(_from_base64, given.images)
        elif kind == "multipart/form-data":
            images = await parse_parts(request.headers, body, settings.max_images)
        elif kind in _BINARY or kind.startswith("image/"):
            images = [GivenImage(body)] if body else []
        else:
            raise Refusal(
                415,
                "unsupported_type",
                "Send an image (image/*, application/octet-stream), multipart/form-data or "
                "application/json.",
            )
        check_number(len(images), settings.max_images)
        await run_in_threadpool(frequencies.check, tasks, task)
        answers = await answer_images(
            request,
            tasks,
            task,
            [image.data for image in images],
            embedding=embedding or nearest > 0,
        )
        predictions = [
            _prediction(answer, image.name, top, threshold, embedding)
            for answer, image in zip(frequencies.applied(answers), images, strict=True)
        ]
        if nearest:
            for prediction, answer in zip(predictions, answers, strict=True):
                found = await run_in_threadpool(tasks.nearest, answer, nearest)
                prediction.nearest = _nearest(answer, found)
        return PredictAnswer(task=answers[0].task, predictions=predictions)

    return routes


def _check_query(request: Request) -> None:
    """Refuse parameters that a route does not have: a misspelt one would go unnoticed."""
    known = [field.alias for field in request.scope["route"].dependant.query_params]
    for name in request.query_params:
        if name not in known:
            there = f"This call has {', '.join(known)}." if known else "This call has none."
            raise Refusal(422, "unknown_parameter", f"query: no parameter {name[:80]!r}. {there}")


def _from_base64(texts: list[str]) -> list[GivenImage]:
    return [GivenImage(decode_base64(text, f"images[{i}]")) for i, text in enumerate(texts)]


def _prediction(
    answer: Answer, name: str | None, top: int, threshold: float | None, embedding: bool
) -> ImagePrediction:
    classes = [
        ClassProbability(label=label, index=index, probability=probability)
        for index, label, probability in best_classes(answer, top)
    ]
    limit = answer.threshold if threshold is None else threshold
    return ImagePrediction(
        image=name,
        version=answer.version,
        sure=None if limit is None else classes[0].probability >= limit,
        classes=classes,
        matched=list(answer.matched),
        embedding=answer.embedding.tolist() if embedding and answer.embedding is not None else None,
        nearest=None,
        seconds=dict(answer.timings),
    )


def _nearest(answer: Answer, found: NearestImages) -> NearestTrainingImages:
    images = [
        NearestImage(
            label=answer.labels[image.index],
            index=image.index,
            similarity=image.similarity,
            thumbnail=base64.b64encode(image.thumbnail).decode(),
        )
        for image in found.images
    ]
    return NearestTrainingImages(state=found.state, searched=found.searched, images=images)


def _summary(card: TaskCard) -> TaskSummary:
    return TaskSummary(
        name=card.name,
        version=card.version,
        state=card.state,
        reason=card.reason,
        classes=len(card.classes),
        backbone=card.backbone,
        image_size=card.image_size,
        bytes=card.bytes,
    )


def _details(card: TaskCard) -> TaskDetails:
    counts = card.class_counts or (None,) * len(card.classes)
    return TaskDetails(
        **{**_summary(card).model_dump(), "classes": _classes(card.classes, counts)},
        metrics=dict(card.metrics),
        metadata=dict(card.metadata),
    )


def _classes(names: tuple[str, ...], counts: tuple[int | None, ...]) -> list[ServedClass]:
    return [
        ServedClass(name=name, training_images=count)
        for name, count in zip(names, counts, strict=True)
    ]
