"""What a view of the dashboard is made of, and what all views stand on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

from flask import Blueprint, redirect, request, session, url_for
from flask.typing import ResponseReturnValue

from donebit.activity.site import Site
from donebit.config import Settings
from donebit.errors import InvalidInput, StoreUnavailable
from donebit.jobs.registry import Jobs
from donebit.queue import Publisher
from donebit.store import Store
from donebit.web.guard import SIGNED_IN, free
from donebit.web.listener import Table
from trigger_app.starting import Starter

Page = Callable[..., ResponseReturnValue]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PageContext:
    """What every view is given."""

    store: Store
    settings: Settings
    jobs: Jobs
    publisher: Publisher
    starter: Starter
    site: Site


@dataclass(frozen=True, slots=True)
class View:
    """One page, or pages of one kind, and the stream that keeps it live.

    `read` is called by the one reader of the process, four times a second while anybody listens to
    /events/{name} or /events/{name}/{about}: it is given `about` and what it gave before, and gives every
    message by what it is about. Those that differ from before are sent.
    """

    name: str
    path: str
    title: str  # in the navigation; empty for none
    add_routes: Callable[[Blueprint, PageContext], None]
    read: Callable[[PageContext, str, Table], Table]


def page_route(settings: Settings) -> Callable[[Page], Page]:
    """Mark a view function as a page for people: who has not signed in is asked to, and led back."""

    def mark(view: Page) -> Page:
        @free
        @wraps(view)
        def shown(**path: Any) -> ResponseReturnValue:
            if settings.api_token and not session.get(SIGNED_IN):
                asked = request.full_path.rstrip("?")
                return redirect(url_for("pages.sign_in", to=None if asked == "/" else asked))
            return view(**path)

        return shown

    return mark


def count_asked(most: int) -> int:
    """The total of steps that a form asks for. Raises InvalidInput for what is no number."""
    count = request.form.get("count", "").strip()
    if not (count.isascii() and count.isdigit() and len(count) <= 20):
        raise InvalidInput(f"count is {count[:100]!r}; it must be 1 to {most}", field="count")
    return int(count)


def attempt(read: Callable[[], T]) -> tuple[T | None, str | None]:
    """What is read, or why it cannot be: a page still says something while Redis is away."""
    try:
        return read(), None
    except StoreUnavailable as error:
        return None, error.detail
