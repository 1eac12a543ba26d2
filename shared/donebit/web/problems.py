"""Errors as RFC 9457 problem details, wherever they are raised."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import Any, cast

from flask import Flask, Response, current_app, request
from pydantic import BaseModel, Field, ValidationError
from pydantic_core import ErrorDetails
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge

from donebit import wording
from donebit.errors import DonebitError, InvalidInput, Refused
from donebit.web.access import access_of, current_caller
from donebit.web.body_limits import limit_of
from donebit.web.whole_body import JSON, WholeBodyRequest

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 1
INTERNAL_ERROR = "internal error of the service; its log has the details"
AGAIN_LATER = {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}

log = logging.getLogger(__name__)


class Fault(BaseModel):
    """A problem with one field."""

    field: str = Field(examples=["count"])
    detail: str = Field(examples=["count is -1; it must be 0 to 10000000"])


class Problem(BaseModel):
    """An error as RFC 9457 defines it; `errors` names the fields at fault, if any."""

    type: str = Field(default="about:blank", examples=["about:blank"])
    title: str = Field(examples=["Unprocessable Entity"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["count is -1; it must be 0 to 10000000"])
    errors: list[Fault] = []


class Faults(InvalidInput):
    """Several things are wrong with a request, each named."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(". ".join(fault.detail for fault in faults))
        self.faults = faults


def problem(status: HTTPStatus, detail: str, errors: list[Fault] | None = None) -> Response:
    """Make the answer to a failed request.

    Args:
        status: of the answer
        detail: what is wrong, without a full stop
        errors: the fields at fault
    """
    body, headers = problem_body(status, detail, errors)
    return Response(body, status=status, headers=headers)


def problem_body(
    status: HTTPStatus, detail: str, errors: list[Fault] | None = None
) -> tuple[bytes, dict[str, str]]:
    """Make the body and the headers of such an answer, for what answers without Flask."""
    shown = [Fault(field=printable(one.field), detail=printable(one.detail)) for one in errors or []]
    body = Problem(title=status.phrase, status=status, detail=printable(detail), errors=shown)
    headers = {"Content-Type": MEDIA_TYPE}
    if status in AGAIN_LATER:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return f"{body.model_dump_json()}\n".encode(), headers


def printable(text: str) -> str:
    """Escape what UTF-8 cannot hold: JSON can name a field by half a character (`"\\ud800"`)."""
    return text.encode(errors="backslashreplace").decode()


def documented(*statuses: HTTPStatus) -> dict[Any, Any]:
    """Document these errors, for the `responses` of an OpenAPI operation."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        str(int(status)): {"description": status.phrase, "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }


# What any route may answer, for `abp_responses`: those given to the application reach no blueprint's routes.
EVERYWHERE = documented(
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.LENGTH_REQUIRED,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
)


def of_validation(error: ValidationError) -> Response:
    """Answer 422 to a request of the wrong shape, naming each value and its bound."""
    faults = [_fault(one) for one in error.errors(include_url=False)]
    detail = ". ".join(fault.detail for fault in faults[:5])
    if len(faults) > 5:
        detail += f". And {len(faults) - 5} more"
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, faults[:100])


def _fault(error: ErrorDetails) -> Fault:
    field = wording.path(error["loc"])
    if not field:
        why = _unreadable() or f"it must be a JSON object, sent as {JSON}{_other_types()}"
        return Fault(field="body", detail=f"the body is {wording.quoted(request.get_data())}; {why}")
    return Fault(field=field, detail=wording.sentence(field, error))


def _other_types() -> str:
    others = sorted(set(cast(WholeBodyRequest, request).body_types) - {JSON})
    return f", or be sent as {' or '.join(others)}" if others else ""


def _unreadable() -> str | None:
    """Why a body that is well-formed JSON is not read; None for every other."""
    try:
        current_app.json.loads(request.get_data() if request.is_json else b"{}")
    except (json.JSONDecodeError, UnicodeDecodeError):
        return None
    except ValueError as error:
        return str(error)
    return None


def register(app: Flask) -> None:
    """Answer every error, expected or not, with a problem."""
    app.register_error_handler(DonebitError, problem_of)
    app.register_error_handler(ValidationError, of_validation)
    app.register_error_handler(RequestEntityTooLarge, too_large)
    app.register_error_handler(HTTPException, of_http_error)
    app.register_error_handler(Exception, unexpected)


def problem_of(error: DonebitError) -> Response:
    faults = [Fault(field=error.field, detail=error.detail)] if error.field else []
    if isinstance(error, Faults):
        faults = error.faults
    if isinstance(error, Refused):
        note_refusal(error.reason, error.who)
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("%s %s: %s", request.method, request.path, error.in_full)
    return problem(HTTPStatus(error.status), error.detail, faults)


def note_refusal(reason: str, who: str = "") -> None:
    """Count and log that the current request is refused."""
    if not who and (caller := current_caller()):
        who = caller.name
    access_of(current_app).refusals.note(reason, request.method, request.path, request.remote_addr, who)


def too_large(error: RequestEntityTooLarge) -> Response:
    sent = f"{request.content_length} bytes" if request.content_length else "more"
    detail = f"the body has {sent}"
    if error.description and error.description != RequestEntityTooLarge.description:
        detail = error.description
    return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"{detail}; {limit_of(request)}")


def of_http_error(error: HTTPException) -> Response:
    if error.response is not None:
        return current_app.make_response(error.response)
    detail = error.description or str(error)
    if isinstance(error, NotFound) and error is request.routing_exception:
        detail = f"nothing is at {request.path[:200]!r}; /docs/ lists the addresses of {current_app.name}"
    if isinstance(error, MethodNotAllowed) and detail == MethodNotAllowed.description:
        taken = ", ".join(sorted(error.valid_methods or ()))
        place = f"{request.path[:200]!r} of {current_app.name}"
        detail = f"{request.method} is not allowed at {place}, which takes {taken}"
    answer = problem(HTTPStatus(error.code or 500), detail)
    for name, value in error.get_headers():
        if name not in ("Content-Type", "Content-Length"):
            answer.headers[name] = value
    return answer


def unexpected(error: Exception) -> Response:
    log.exception("%s %s failed", request.method, request.path, exc_info=error)
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, INTERNAL_ERROR)
