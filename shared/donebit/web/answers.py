"""The answers of views."""

from __future__ import annotations

from http import HTTPStatus

from flask import Response
from pydantic import BaseModel

# Not flask.typing.ResponseReturnValue: flask-openapi3 resolves every annotation of a view, and that one
# names things which exist for type checkers only.
JSON = "application/json"
Reply = Response | tuple[str, HTTPStatus]


def answer(model: BaseModel, status: HTTPStatus = HTTPStatus.OK, *, exclude_unset: bool = False) -> Response:
    """Answer with a model as JSON, ending in a line break for those who read it in a shell."""
    body = body_of(model, exclude_unset=exclude_unset)
    return Response(body, status=status, content_type=JSON)


def body_of(model: BaseModel, *, exclude_unset: bool = False) -> str:
    """The body of such an answer."""
    return model.model_dump_json(by_alias=True, exclude_unset=exclude_unset) + "\n"
