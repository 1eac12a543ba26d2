"""A span of each request whose caller was let in, where traces are set up."""

from __future__ import annotations

from http import HTTPStatus

from flask import Flask, Response, g, request

from donebit.traces import traces
from donebit.web.http_times import NO_ROUTE

NO_SPAN = ("/health", "/health/live", "/metrics", "/static/<path:filename>")


def register(app: Flask) -> None:
    """Trace the requests of a service; to be called after what refuses some is registered.

    So nobody without a token makes spans, or has the spans of others continue theirs.
    """
    if not traces.are_on:
        return
    app.before_request(begin)
    app.after_request(note_status)
    app.teardown_request(end)


def begin() -> None:
    """Begin the span, which continues the one that the request's headers name."""
    rule = request.url_rule.rule if request.url_rule else NO_ROUTE
    if rule.endswith(NO_SPAN):
        return
    about = {"http.request.method": request.method, "http.route": rule}  # no path: it may name a user
    if task_id := (request.view_args or {}).get("task_id"):
        about["donebit.task_id"] = task_id
    came_with = {name.lower(): value for name, value in request.headers}
    g.span = traces.span(f"{request.method} {rule}", about, kind="SERVER", came_with=came_with)
    g.span.__enter__()


def note_status(response: Response) -> Response:
    """Write down what was answered."""
    if "span" in g:
        traces.describe({"http.response.status_code": response.status_code})
        if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            traces.fail(response.status)
    return response


def end(error: BaseException | None) -> None:
    """End the span; where no answer could be made, with why."""
    if "span" in g:
        g.pop("span").__exit__(type(error) if error else None, error, None)
