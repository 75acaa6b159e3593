"""From the images of a request to their answers, for every protocol."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from fastapi import Request

from lpt.serving.http.error_answers import Refusal
from lpt.serving.http.served_tasks import Pixels, ServedTasks
from lpt.serving.serving_records import Answer, BadImage

__all__ = ["answer_images", "best_classes", "check_number"]


async def answer_images(
    request: Request,
    tasks: ServedTasks,
    task: str,
    images: Sequence[bytes | Pixels],
    *,
    embedding: bool = False,
    deadline_s: float | None = None,
) -> list[Answer]:
    """Return the answers to the images of one request, in their order.

    If the client goes away, or any image fails, the images that still wait are cancelled.

    Args:
        request: the request, with its body read.
        tasks: the service.
        task: name or name@version.
        images: encoded images, or (3, H, H) pixels as the backbone takes them.
        embedding: whether the answers hold the feature.
        deadline_s: seconds; None for the service's own deadline.
    Raises: ServingError, or Refusal if the client went away.
    """
    request.scope["log_facts"] = {"task": task, "images": len(images)}
    futures: list[Future[Answer]] = []
    waiting: list[asyncio.Future[Any]] = []
    try:
        for image in images:
            given = tasks.submit(task, image, embedding=embedding, deadline_s=deadline_s)
            futures.append(given)
        answers = asyncio.gather(*(_named(f, i, len(images)) for i, f in enumerate(futures)))
        gone = asyncio.ensure_future(_client_gone(request))
        waiting = [answers, gone]
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if answers in done:
            return answers.result()
        request.scope["client_gone"] = True
        raise Refusal(400, "client_gone", "The client closed the connection.")
    finally:
        for one in waiting:
            one.cancel()
        for future in futures:
            future.cancel()


def best_classes(answer: Answer, top: int) -> list[tuple[int, str, float]]:
    """Return index, name and probability of the `top` most probable classes, or of all."""
    best = answer.probabilities.topk(min(top, len(answer.labels)))
    indices, values = best.indices.tolist(), best.values.tolist()
    return [(i, answer.labels[i], p) for i, p in zip(indices, values, strict=True)]


def check_number(images: int, most: int) -> None:
    """Check the number of images of a request. Raises: Refusal."""
    if images == 0:
        raise Refusal(422, "no_image", "The request holds no image.")
    if images > most:
        raise Refusal(422, "too_many_images", f"{images:,} images: send at most {most:,} at once.")


async def _named(future: "Future[Answer]", number: int, images: int) -> Answer:
    try:
        return await asyncio.wrap_future(future)
    except BadImage as error:
        if images == 1:
            raise
        raise type(error)(f"images[{number}]: {error.reason}") from None


async def _client_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
