"""Errors as RFC 9457 problem details, whoever raises them."""

from __future__ import annotations

import logging
import reprlib
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, request
from pydantic import BaseModel, Field, ValidationError
from werkzeug.exceptions import HTTPException

from shared.errors import DonebitError

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 1
LONGEST_QUOTE = 120  # characters of a refused value that an answer gives back

# Stops at a depth and a length: repr itself would fall over a deeply nested value, and write a long one
# out in full before it is cut.
QUOTE = reprlib.Repr()
QUOTE.maxstring = QUOTE.maxother = QUOTE.maxlong = LONGEST_QUOTE

log = logging.getLogger(__name__)


class Fault(BaseModel):
    """What is wrong with one field."""

    field: str = Field(examples=["count"])
    detail: str = Field(examples=["Input should be greater than or equal to 1; it is 0"])


class Problem(BaseModel):
    """An error, as RFC 9457 has it; `errors` names the fields at fault, where there are any."""

    type: str = Field(default="about:blank", examples=["about:blank"])
    title: str = Field(examples=["Unprocessable Entity"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["count is 0; it must be 1 to 10000000"])
    errors: list[Fault] = []


def problem(status: HTTPStatus, detail: str, errors: list[Fault] | None = None) -> Response:
    """The answer that tells of an error."""
    body = Problem(title=status.phrase, status=status, detail=detail, errors=errors or [])
    response = Response(body.model_dump_json() + "\n", status=status, content_type=MEDIA_TYPE)
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if status is HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def documented(*statuses: HTTPStatus) -> dict[Any, Any]:
    """These errors for the `responses` of an OpenAPI operation."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        str(int(status)): {"description": status.phrase, "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }


def of_validation(error: ValidationError) -> Response:
    """422 for a request that is not of the documented shape, naming each value and its bound."""
    faults = [_fault(dict(one)) for one in error.errors(include_url=False, include_context=False)]
    detail = "; ".join(f"{fault.field}: {fault.detail}" for fault in faults[:5])
    if len(faults) > 5:
        detail += f"; and {len(faults) - 5} more"
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, faults[:100])


def _fault(error: dict[str, Any]) -> Fault:
    where = ".".join(str(part) for part in error["loc"])
    if not where:
        return Fault(field="body", detail=_about_body(error))
    said = f"{error['msg']}"
    if error["type"] != "missing":
        said += f"; it is {_quoted(error['input'])}"
    return Fault(field=where, detail=said)


def _about_body(error: dict[str, Any]) -> str:
    if error["type"] == "model_type":
        sent = _quoted(request.get_data()[:LONGEST_QUOTE])
        return f"the body must be a JSON object, sent as application/json; it is {sent}"
    return str(error["msg"])


def _quoted(value: object) -> str:
    return QUOTE.repr(value)[: LONGEST_QUOTE + 3]


def register(app: Flask) -> None:
    """Answer every error, foreseen or not, with a problem."""

    @app.errorhandler(DonebitError)
    def told(error: DonebitError) -> Response:
        faults = [Fault(field=error.field, detail=error.detail)] if error.field else []
        if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            log.warning("%s %s: %s", request.method, request.path, error.detail)
        return problem(error.status, error.detail, faults)

    app.register_error_handler(ValidationError, of_validation)

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        if error.response is not None:
            return app.make_response(error.response)
        answer = problem(HTTPStatus(error.code or 500), error.description or str(error))
        for name, value in error.get_headers():
            if name not in ("Content-Type", "Content-Length"):
                answer.headers[name] = value
        return answer

    @app.errorhandler(Exception)
    def unforeseen(error: Exception) -> Response:
        log.exception("%s %s failed", request.method, request.path, exc_info=error)
        return problem(
            HTTPStatus.INTERNAL_SERVER_ERROR, "this is a fault of the service, and its log has more"
        )
