"""Errors as answers: a status, a code for programs, a sentence for people; never a traceback."""

import math
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from lpt.errors import LptError
from lpt.escape import printable, shortened
from lpt.serving.serving_records import (
    BadImage,
    DeadlineExceeded,
    Draining,
    QueueFull,
    ServingError,
    TaskUnavailable,
    TooLarge,
    UnknownTask,
)

__all__ = ["ERRORS", "ErrorAnswer", "Refusal", "add_error_handlers", "error_response"]

_STATUS: dict[type[ServingError], tuple[int, str]] = {
    UnknownTask: (404, "unknown_task"),
    TaskUnavailable: (503, "task_unavailable"),
    QueueFull: (429, "queue_full"),
    DeadlineExceeded: (504, "deadline_exceeded"),
    Draining: (503, "draining"),
    TooLarge: (413, "too_large"),  # also a BadImage
    BadImage: (422, "bad_image"),
}
_LONGEST = 500  # characters of a message


class ErrorAnswer(BaseModel):
    """The body of every answer that is not a success."""

    error: str
    code: str
    request_id: str


ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorAnswer, "description": description}
    for status, description in {
        400: "The request cannot be parsed.",
        404: "No such task.",
        408: "The body arrived too slowly.",
        413: "The body, or an image in it, is too large.",
        415: "Unsupported type or encoding of the body.",
        422: "An image cannot be read, a parameter is unknown, or a value is out of range.",
        429: "The queue is full; retry after the seconds in Retry-After.",
        503: "The task or the server is not available.",
        504: "The deadline of the request passed before it was computed.",
    }.items()
}
"""Answers of the OpenAPI document for calls that predict."""


class Refusal(HTTPException):
    """A request that is refused by the HTTP side.

    Args:
        status: HTTP status, 400 or above.
        code: one word for programs.
        message: what is wrong and what to do.
        headers: further headers of the answer.
    """

    def __init__(
        self, status: int, code: str, message: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(status, message, headers)
        self.code = code


def error_response(
    status: int, code: str, message: str, request_id: str, headers: dict[str, str] | None = None
) -> JSONResponse:
    """Return the answer for an error; the message is escaped and bounded."""
    text = shortened(printable(" ".join(message.split("\n"))), _LONGEST)
    content = {"error": text, "code": code, "request_id": request_id}
    return JSONResponse(content, status, headers=headers)


def add_error_handlers(app: FastAPI) -> None:
    """Answer every expected exception of an application in the form of `ErrorAnswer`."""
    app.exception_handler(LptError)(_lpt_error)
    app.exception_handler(RequestValidationError)(_invalid_request)
    app.exception_handler(HTTPException)(_http_error)


async def _lpt_error(request: Request, error: LptError) -> JSONResponse:
    for kind, (status, code) in _STATUS.items():
        if isinstance(error, kind):
            wait = getattr(error, "retry_after", None)
            if wait is None and status == 503:
                wait = 1.0
            headers = None if wait is None else {"Retry-After": str(max(1, math.ceil(wait)))}
            return error_response(status, code, str(error), _id_of(request), headers)
    raise error  # an error of the server: its message may name files


async def _invalid_request(request: Request, error: RequestValidationError) -> JSONResponse:
    # The values of a request are not repeated: they may be large or private.
    found = [
        f"{'.'.join(str(part) for part in one['loc'][1:])}: {one['msg']}" for one in error.errors()
    ]
    return error_response(422, "invalid_request", "; ".join(found), _id_of(request))


async def _http_error(request: Request, error: HTTPException) -> JSONResponse:
    code = getattr(error, "code", HTTPStatus(error.status_code).name.lower())
    headers = dict(error.headers) if error.headers else None
    return error_response(error.status_code, code, str(error.detail), _id_of(request), headers)


def _id_of(request: Request) -> str:
    return str(request.scope.get("request_id", ""))
