"""Access checks: the Host of a request, the site that sent it, and the token where one is set.

Without a token a service answers everyone who reaches it, so a page of another site must not reach it:
neither by a request that the browser sends for that page, nor through a name that the page's owner points at
this machine (DNS rebinding).
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from flask import Flask, Request, g, request
from werkzeug.sansio.utils import get_host

from donebit.access.roles import Caller
from donebit.config import Settings
from donebit.errors import ConfigurationError, Forbidden, InvalidInput, StoreUnavailable
from donebit.web.access import AccessControl, Admitted, route_name
from donebit.web.origin import HINT, refuse_foreign
from donebit.web.plain_request import PlainRequest

LOOPBACK_NAMES = {"localhost", "127.0.0.1", "::1"}
SHORTEST_TOKEN = 20  # characters
MOST_HOSTS = 100  # that are remembered
EXTENSION = "donebit_guard"

View = Callable[..., Any]

log = logging.getLogger(__name__)


def refuse_open_address(settings: Settings) -> None:
    """Refuse an address beyond loopback that no token protects, and warn of a token that can be guessed.

    Raises:
        ConfigurationError: HOST is such an address, and ALLOW_ANONYMOUS is not set.
    """
    if settings.api_token and len(settings.api_token.get_secret_value()) < SHORTEST_TOKEN:
        log.warning(
            "API_TOKEN HAS LESS THAN %d CHARACTERS AND CAN BE GUESSED: it is an admin's; set a longer one "
            "(openssl rand -hex 32)",
            SHORTEST_TOKEN,
        )
    if settings.api_token or settings.allow_anonymous or is_loopback(settings.host):
        return
    raise ConfigurationError(
        f"HOST is {settings.host}, which others can reach, and no API_TOKEN is set: set one, or "
        "ALLOW_ANONYMOUS=1 if everyone who can reach it may use it"
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    return host.lower() in LOOPBACK_NAMES or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


class Guard:
    """The access checks of one service; what they need is in the head of a request, not in its body."""

    def __init__(self, settings: Settings, access: AccessControl) -> None:
        self.access = access
        self._known = LOOPBACK_NAMES | {settings.host} | {name.lower() for name in settings.allowed_hosts}
        self._any_address = settings.host in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
        self._example_gets = settings.example_gets
        self._knows = lru_cache(MOST_HOSTS)(self._host_known)

    def _host_known(self, scheme: str, host: str) -> bool:
        try:
            named = get_host(scheme, host)
            return bool(named) and _host_known(named, self._known, any_address=self._any_address)
        except ValueError:  # a malformed address
            return False

    def check(
        self, asked: Request, route: str | None, view: View | None, task_id: str | None
    ) -> Caller | None:
        """Check a request by its head, and return who sent it; see AccessControl.authorize.

        Args:
            asked: the request
            route: that it is for, such as "GET /tasks/<task_id>"; None for no route
            view: of that route
            task_id: the task in its path; None for none

        Raises:
            Forbidden: its Host is not known, a page of another site sent it, or its token may not do that.
            InvalidInput: its address is not UTF-8.
            Unauthorized: it has no token, and needs one.
            StoreUnavailable: nobody can say whether its token is valid.
        """
        if not _host_known(asked.host, self._known, any_address=self._any_address):
            # As it came: asked.host is empty for a malformed one.
            named = asked.headers.get("Host", "")[:120]
            raise Forbidden(f"unknown Host {named!r}: add it to ALLOWED_HOSTS. {HINT}", reason="host")
        refuse_foreign(asked, view, example_gets=self._example_gets)
        refuse_bad_text(asked)
        if not self.access.enabled:
            return None
        return self.access.authorize(route, asked.query_string.decode("latin-1"), *_proofs(asked), task_id)

    def admit_at_once(self, asked: PlainRequest, route: str, task_id: str | None) -> Admitted | None:
        """Admit a request that passes every check, where that can be said without asking Redis.

        Args:
            asked: the request; what `check` does for those of a browser is not done
            route: that it is for, such as "POST /distinct"
            task_id: the task in its path; None for none

        Returns:
            None if `check` has to be asked, because it refuses the request or may ask Redis.
        """
        if not self._knows(asked.scheme, asked.host):
            return None
        return self.access.admit_at_once(route, asked.authorization, task_id)

    def is_operator(self, asked: Request) -> bool:
        """Whether the request has API_TOKEN, or none is set: known without asking Redis."""
        return not self.access.enabled or self.access.is_operator(_proofs(asked)[0])

    def is_known(self, asked: Request) -> bool:
        """Whether the request has somebody's token or session. It may ask Redis; False while it is away."""
        try:
            return self.access.is_known(*_proofs(asked))
        except StoreUnavailable:
            return False


def register(app: Flask, settings: Settings, access: AccessControl) -> None:
    """Check every request before its view runs, and keep the checks for the front door."""
    guard = app.extensions[EXTENSION] = Guard(settings, access)

    @app.before_request
    def check() -> None:
        route = route_name(request.method, request.url_rule.rule) if request.url_rule else None
        view = app.view_functions.get(request.endpoint or "")
        g.caller = guard.check(request, route, view, (request.view_args or {}).get("task_id"))


def _proofs(asked: Request) -> tuple[str, str]:
    return asked.headers.get("Authorization", ""), asked.headers.get("Cookie", "")


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
