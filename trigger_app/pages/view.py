"""What a view of the dashboard consists of, and what all views share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from http import HTTPStatus
from typing import Any, TypeVar

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from donebit.activity.site import Site
from donebit.config import Settings
from donebit.errors import InvalidInput, StoreUnavailable
from donebit.jobs.registry import Jobs
from donebit.queue import Publisher
from donebit.store import Store
from donebit.web.access import current_caller
from donebit.web.listener import Table
from trigger_app.pages.last_reads import LastReads
from trigger_app.starting import Starter

Page = Callable[..., ResponseReturnValue]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PageContext:
    """Everything a view may need: the store, the settings, and what starts tasks."""

    store: Store
    settings: Settings
    jobs: Jobs
    publisher: Publisher
    starter: Starter
    site: Site


@dataclass(frozen=True, slots=True)
class View:
    """One page, or pages of one kind, and the stream that keeps it live.

    Attributes:
        name: of its stream, /events/{name}
        path: its address
        title: its name in the navigation; empty to leave it out
        add_routes: adds its pages
        read: called four times a second while anyone listens to /events/{name} or /events/{name}/{about}.
            It gets the context, `about`, and the messages that it returned last, by their keys; messages that
            it changes are sent.
        last_reads: of what `read` reads less often; a stream that is opened begins with what is read then.
    """

    name: str
    path: str
    title: str
    add_routes: Callable[[Blueprint, PageContext], None]
    read: Callable[[PageContext, str, Table], Table]
    last_reads: LastReads | None = None


def page_route(settings: Settings) -> Callable[[Page], Page]:
    """Mark a view function as a page: a visitor without a session signs in first and is led back."""

    def mark(view: Page) -> Page:
        @wraps(view)
        def shown(**path: Any) -> ResponseReturnValue:
            if settings.api_token and current_caller() is None:
                return redirect_to_sign_in()
            return view(**path)

        return shown

    return mark


def redirect_to(path: str) -> Response:
    """Send a browser to a page of this service with GET, also where a proxy has the service under a path."""
    return redirect(f"{request.script_root}{path}", HTTPStatus.SEE_OTHER)


def redirect_to_sign_in() -> Response:
    """Send a browser to the sign-in, which leads it back to what it asks for now."""
    asked = request.full_path.rstrip("?")
    return redirect(url_for("pages.sign_in", to=None if asked == "/" else asked))


def count_asked(most: int) -> int:
    """Read the total number of steps from a form.

    Raises:
        InvalidInput: it is not a whole number.
    """
    count = request.form.get("count", "").strip()
    if not (count.isascii() and count.isdigit() and len(count) <= 20):
        raise InvalidInput(f"count is {count[:100]!r}; it must be 0 to {most}", field="count")
    return int(count)


def attempt(read: Callable[[], T]) -> tuple[T | None, str | None]:
    """Call a function that reads from Redis.

    Returns:
        Its result and None, or None and the reason while Redis cannot be reached.
    """
    try:
        return read(), None
    except StoreUnavailable as error:
        return None, error.detail
