"""Refuses what a page of another site has a browser send: only own pages and direct calls change anything."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from flask import Flask, Request, request

from donebit.access.secret import is_same
from donebit.errors import DonebitError, Forbidden
from donebit.web.access import AccessControl, current_caller

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
CHANGE = "__changes_state__"
OWN = {"same-origin", "none"}  # none: typed by a person, or a bookmark; another port of the host is same-site
FORM_FIELD, FORM_HEADER = "form_token", "Donebit-Form-Token"
HINT = "A proxy must pass on the header Host that the browser sent (nginx: proxy_set_header Host $http_host)"

View = TypeVar("View", bound=Callable[..., Any])


class Change(NamedTuple):
    """How a view changes state by GET.

    Attributes:
        parameter: of the query, without which it changes nothing; empty if it always does
        instead: what does the same without GET
    """

    parameter: str
    instead: str


class GetTurnedOff(DonebitError):
    """A GET of the example project that would change something, where EXAMPLE_GETS is 0."""

    status = HTTPStatus.METHOD_NOT_ALLOWED


def changes_state(*, parameter: str = "", instead: str = "POST") -> Callable[[View], View]:
    """Mark a view that changes state although GET may call it, as those of the example project do."""

    def mark(view: View) -> View:
        setattr(view, CHANGE, Change(parameter, instead))
        return view

    return mark


def change_by_get(asked: Request, view: Callable[..., Any] | None) -> Change | None:
    """How a request with a safe method would change something; None if it would not."""
    change: Change | None = getattr(view, CHANGE, None)
    if asked.method not in ("GET", "HEAD") or change is None:
        return None
    return None if change.parameter and change.parameter not in asked.args else change


def refuse_foreign(asked: Request, view: Callable[..., Any] | None, *, example_gets: bool) -> None:
    """Refuse a request that changes something and comes from a page of another origin.

    Raises:
        GetTurnedOff: it is one of the example's GETs, and those are turned off.
        Forbidden: it comes from elsewhere.
    """
    by_get = change_by_get(asked, view)
    if by_get and not example_gets:
        raise GetTurnedOff(f"a GET changes nothing here, as EXAMPLE_GETS is 0: use {by_get.instead}")
    if (by_get or asked.method not in SAFE_METHODS) and _is_foreign(asked):
        raise Forbidden(f"cross-site requests may not change anything{_as_called(asked)}", reason="origin")


def register(app: Flask, access: AccessControl) -> None:
    """Refuse what a session asks to be changed by anything but one of the dashboard's own forms.

    A browser sends the cookie along with whatever a page has it send; it does not know the form's token.
    """

    @app.before_request
    def check_form() -> None:
        caller = current_caller()
        if caller is None or caller.session is None:
            return
        if by_get := change_by_get(request, app.view_functions.get(request.endpoint or "")):
            raise Forbidden(
                f"a GET changes nothing for who has only signed in: use {by_get.instead}", reason="form"
            )
        if request.method in SAFE_METHODS:
            return
        given = request.headers.get(FORM_HEADER) or request.form.get(FORM_FIELD, "")
        if not is_same(given, caller.session.form_token(access.session_key)):
            raise Forbidden(
                "the form is not of this session: reload the page and send it again", reason="form"
            )


def _is_foreign(asked: Request) -> bool:
    if site := asked.headers.get("Sec-Fetch-Site"):
        return site not in OWN
    # Browsers leave it out over plain HTTP to other machines. They name the page's origin, but for a GET, as
    # an image's, and then the page itself unless it forbids that.
    origin = asked.headers.get("Origin")
    if origin is None:
        referrer = asked.headers.get("Referer")
        return referrer is not None and _netloc(referrer) != asked.host
    return _netloc(origin) != asked.host


def _as_called(asked: Request) -> str:
    """What to mend where the page is the service's own, and only the proxy before it hides that."""
    origin = asked.headers.get("Origin")
    if origin is None or asked.headers.get("Sec-Fetch-Site"):
        return ""
    return f": this one comes from {origin[:120]!r}, and the Host is {asked.host!r}. {HINT}"


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:  # "http://[": no browser sends it, and it is nobody's own
        return ""
