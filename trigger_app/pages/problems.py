"""What went wrong, as a page for people and as problem+json for everything else."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from pydantic import ValidationError

from shared.errors import DonebitError
from shared.web import problems


def wants_page() -> bool:
    """Whether a browser asks, to show what it gets; a script of a page asks for JSON."""
    best = request.accept_mimetypes.best_match(["application/json", "text/html"])
    return best == "text/html"


def register(routes: Blueprint) -> None:
    """Answer the errors of these routes either way."""
    routes.register_error_handler(DonebitError, told)
    routes.register_error_handler(ValidationError, refused)


def told(error: DonebitError) -> ResponseReturnValue:
    answer = problems.told(error)
    if not wants_page():
        return answer
    return render_template(
        "problem.html", here="/", detail=error.detail, title=error.status.phrase
    ), error.status


def refused(error: ValidationError) -> ResponseReturnValue:
    answer = problems.of_validation(error)
    if not wants_page():
        return answer
    body = answer.get_json()
    return render_template(
        "problem.html", here="/", detail=body["detail"], title=body["title"]
    ), answer.status_code
