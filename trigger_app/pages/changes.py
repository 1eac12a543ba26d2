"""The answer to a button of a task's page."""

from __future__ import annotations

from http import HTTPStatus

from flask.typing import ResponseReturnValue

from trigger_app.pages.problems import wants_page
from trigger_app.pages.view import redirect_to


def changed(task_id: str) -> ResponseReturnValue:
    """Redirect a browser to the page; answer 204 to a script, which gets the change by the stream."""
    if not wants_page():
        return "", HTTPStatus.NO_CONTENT
    return redirect_to(f"/tasks/{task_id}" if task_id else "/")
