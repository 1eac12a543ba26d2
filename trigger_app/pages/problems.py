"""Errors as a page for browsers and as problem+json for everything else."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Response, render_template, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from donebit.errors import DonebitError
from donebit.web import problems

FORM = "Donebit-Form"  # the header by which a form's script asks


def wants_page() -> bool:
    """Return whether a browser navigates here; the script of a page asks for JSON."""
    best = request.accept_mimetypes.best_match(["application/json", "text/html"])
    return best == "text/html"


def register(routes: Blueprint) -> None:
    """Answer every error of the service in the form that the client asks for, unknown addresses included."""
    routes.app_errorhandler(DonebitError)(lambda error: either_way(problems.problem_of(error)))
    routes.app_errorhandler(ValidationError)(lambda error: either_way(problems.of_validation(error)))
    routes.app_errorhandler(HTTPException)(lambda error: either_way(problems.of_http_error(error)))


def either_way(answer: Response) -> Response:
    """Turn a problem into a page for a browser, with the same status and headers.

    The script of a form gets it with status 200.
    """
    if wants_page() and answer.mimetype == problems.MEDIA_TYPE:
        answer.set_data(render_template("problem.html", here="/", problem=answer.get_json()))
        answer.content_type = "text/html; charset=utf-8"
    elif FORM in request.headers:
        # A browser logs a refused request in its console as if the page were broken. The form's script reads
        # the status in the body.
        answer.status_code = HTTPStatus.OK
    return answer
