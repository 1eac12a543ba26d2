"""Errors as a page for browsers and as problem+json for everything else."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Response, render_template, request
from pydantic import ValidationError
from werkzeug import Response as AnyResponse
from werkzeug.exceptions import HTTPException

from donebit.errors import DonebitError
from donebit.web import problems
from trigger_app.pages.view import redirect_to_sign_in

FORM = "Donebit-Form"  # the header by which a form's script asks


def wants_page() -> bool:
    """Return whether a browser navigates here; the script of a page asks for JSON."""
    best = request.accept_mimetypes.best_match(["application/json", "text/html"])
    return best == "text/html"


def register(routes: Blueprint) -> None:
    """Answer every error of the service in the form that the client asks for, unknown addresses included."""
    routes.app_errorhandler(DonebitError)(lambda error: either_way(problems.problem_of(error)))
    routes.app_errorhandler(ValidationError)(of_validation)
    # The answer to what its own routes refuse passes no handler of errors.
    routes.record_once(lambda state: setattr(state.app, "validation_error_callback", of_validation))
    routes.app_errorhandler(HTTPException)(lambda error: either_way(problems.of_http_error(error)))


def of_validation(error: ValidationError) -> AnyResponse:
    return either_way(problems.of_validation(error))


def either_way(answer: Response) -> AnyResponse:
    """Turn a problem into a page for a browser, with the same status and headers.

    A browser that nobody has signed in with is led to the sign-in and back. The script of a form gets the
    problem with status 200.
    """
    if wants_page() and answer.mimetype == problems.MEDIA_TYPE:
        is_stranger = answer.status_code == HTTPStatus.UNAUTHORIZED and "Authorization" not in request.headers
        if is_stranger and request.method == "GET":
            return redirect_to_sign_in()
        answer.set_data(render_template("problem.html", here="/", problem=answer.get_json()))
        answer.content_type = "text/html; charset=utf-8"
    elif FORM in request.headers:
        # A browser logs a refused request in its console as if the page were broken. The form's script reads
        # the status in the body.
        answer.status_code = HTTPStatus.OK
    return answer
