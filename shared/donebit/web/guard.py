"""Access checks: the Host of a request, the site that sent it, and the token where one is set.

Without a token a service answers everyone who reaches it, so a page of another site must not reach it:
neither by a request that the browser sends for that page, nor through a name that the page's owner points at
this machine (DNS rebinding).
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes, urlsplit

from flask import Flask, Request, request

from donebit.config import Settings
from donebit.errors import ConfigurationError, Forbidden, InvalidInput, Unauthorized

LOOPBACK_NAMES = {"localhost", "127.0.0.1", "::1"}
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
CHANGES = "__changes_state__"
FREE = "__needs_no_token__"
SIGNED_IN = "signed_in"
EXTENSION = "donebit_guard"

HINT = "A proxy must pass on the header Host that the browser sent (nginx: proxy_set_header Host $http_host)"

View = TypeVar("View", bound=Callable[..., Any])


def changes_state(view: View) -> View:
    """Mark a view that changes state although GET may call it, as those of the example project do."""
    setattr(view, CHANGES, True)
    return view


def free(view: View) -> View:
    """Mark a view that needs no token."""
    setattr(view, FREE, True)
    return view


def refuse_open_address(settings: Settings) -> None:
    """Refuse an address beyond loopback that no token protects.

    Raises:
        ConfigurationError: HOST is such an address, and ALLOW_ANONYMOUS is not set.
    """
    if settings.api_token or settings.allow_anonymous or settings.host in LOOPBACK_NAMES:
        return
    raise ConfigurationError(
        f"HOST is {settings.host}, which others can reach, and no API_TOKEN is set: set one, or "
        "ALLOW_ANONYMOUS=1 if everyone who can reach it may use it"
    )


class Guard:
    """The access checks of one service; what they need is in the head of a request, not in its body."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        self._app = app
        self._known = LOOPBACK_NAMES | {settings.host} | {name.lower() for name in settings.allowed_hosts}
        self._any_address = settings.host in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
        self._token = settings.api_token.get_secret_value() if settings.api_token else None

    @property
    def asks_for_token(self) -> bool:
        """Whether callers must have one."""
        return self._token is not None

    def check(self, asked: Request, view: View | None) -> None:
        """Check a request for a view; for an address without a view if that is None.

        Raises:
            Forbidden: its Host is not known, or a page of another site sent it.
            InvalidInput: its address is not UTF-8.
            Unauthorized: it has no token, and needs one.
        """
        if not _host_known(asked.host, self._known, any_address=self._any_address):
            # As it came: asked.host is empty for a malformed one.
            named = asked.headers.get("Host", "")[:120]
            raise Forbidden(f"the Host {named!r} is not known here; ALLOWED_HOSTS names more. {HINT}")
        if _changing(asked, view) and _from_elsewhere(asked):
            raise Forbidden(f"a page of another site may not change anything here{_as_called(asked)}")
        refuse_bad_text(asked)
        if not getattr(view, FREE, False) and not self.authorized(asked):
            raise Unauthorized("this service asks for `Authorization: Bearer` and its API_TOKEN")

    def authorized(self, asked: Request) -> bool:
        """Return whether a request may be answered at all: it has the token, a session, or needs neither.

        It is called by the one thread that takes all requests in, before it reads a body: so it must not wait
        for anything, Redis included.
        """
        if self._token is None:
            return True
        scheme, _, given = asked.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), self._token.encode()):
            return True
        if self._app.config["SESSION_COOKIE_NAME"] not in asked.cookies:
            return False
        session = self._app.session_interface.open_session(self._app, asked)
        return session is not None and session.get(SIGNED_IN) is True


def register(app: Flask, settings: Settings) -> None:
    """Check every request before its view runs, and keep the checks for the front door."""
    guard = app.extensions[EXTENSION] = Guard(app, settings)

    @app.before_request
    def check() -> None:
        guard.check(request, app.view_functions.get(request.endpoint or ""))


def refuse_bad_text(asked: Request) -> None:
    """Refuse an address that is not UTF-8, for which Werkzeug would put U+FFFD.

    Raises:
        InvalidInput: its path or query has such bytes.
    """
    try:
        asked.environ["PATH_INFO"].encode("latin-1").decode()
        if b"%" in asked.query_string:
            unquote_to_bytes(asked.query_string).decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"the address holds bytes that are no UTF-8: {error.object[error.start :][:20]!r}"
        ) from None


def _host_known(host: str, known: set[str], *, any_address: bool) -> bool:
    name = (urlsplit(f"//{host}").hostname or "").lower()
    return name in known or "*" in known or (any_address and _is_address(name))


def _is_address(name: str) -> bool:
    # The owner of a name can point it at this machine; an address is what it is.
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _changing(asked: Request, view: Callable[..., Any] | None) -> bool:
    return asked.method not in SAFE_METHODS or getattr(view, CHANGES, False)


def _from_elsewhere(asked: Request) -> bool:
    if site := asked.headers.get("Sec-Fetch-Site"):
        return site == "cross-site"
    # Browsers leave it out over plain HTTP to other machines, but name the page's origin.
    origin = asked.headers.get("Origin")
    return origin is not None and _netloc(origin) != asked.host


def _as_called(asked: Request) -> str:
    """What to mend where the page is the service's own, and only the proxy before it hides that."""
    origin = asked.headers.get("Origin")
    if origin is None or asked.headers.get("Sec-Fetch-Site"):
        return ""
    return f": it is of {origin[:120]!r}, and the Host is {asked.host!r}. {HINT}"


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:  # "http://[": no browser sends it, and it is nobody's own
        return ""
