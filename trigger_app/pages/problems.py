"""What went wrong, as a page for people and as problem+json for everything else."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Response, render_template, request
from pydantic import ValidationError

from donebit.errors import DonebitError
from donebit.web import problems

FORM = "Donebit-Form"  # the header by which a form's script asks


def wants_page() -> bool:
    """Whether a browser asks, to show what it gets; a script of a page asks for JSON."""
    best = request.accept_mimetypes.best_match(["application/json", "text/html"])
    return best == "text/html"


def register(routes: Blueprint) -> None:
    """Answer the errors of these routes either way."""
    routes.register_error_handler(DonebitError, lambda error: either_way(problems.problem_of(error)))
    routes.register_error_handler(ValidationError, lambda error: either_way(problems.of_validation(error)))


def either_way(answer: Response) -> Response:
    """The problem as it is, or as a page, with its status and headers; for a form's script as an answer."""
    if wants_page():
        problem = answer.get_json()
        answer.set_data(
            render_template("problem.html", here="/", title=problem["title"], detail=problem["detail"])
        )
        answer.content_type = "text/html; charset=utf-8"
    elif FORM in request.headers:
        # A browser tells of a refused request in its console, as if the page were broken. The script of the
        # form reads the problem's own status.
        answer.status_code = HTTPStatus.OK
    return answer
