"""Access checks: the Host of a request, the site that sent it, and the token where one is set.

Without a token a service answers everyone who reaches it, so a page of another site must not reach it:
neither by a request that the browser sends for that page, nor through a name that the page's owner points at
this machine (DNS rebinding).
"""

from __future__ import annotations

import ipaddress
import logging
from urllib.parse import unquote_to_bytes, urlsplit

from flask import Flask, Request, g, request

from donebit.config import Settings
from donebit.errors import ConfigurationError, Forbidden, InvalidInput
from donebit.web.access import AccessControl
from donebit.web.origin import HINT, refuse_foreign

LOOPBACK_NAMES = {"localhost", "127.0.0.1", "::1"}
SHORTEST_TOKEN = 20  # characters

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
    if settings.api_token or settings.allow_anonymous or settings.host in LOOPBACK_NAMES:
        return
    raise ConfigurationError(
        f"HOST is {settings.host}, which others can reach, and no API_TOKEN is set: set one, or "
        "ALLOW_ANONYMOUS=1 if everyone who can reach it may use it"
    )


def register(app: Flask, settings: Settings, access: AccessControl) -> None:
    """Check every request before its view runs."""
    known = LOOPBACK_NAMES | {settings.host} | {name.lower() for name in settings.allowed_hosts}
    any_address = settings.host in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound

    @app.before_request
    def check() -> None:
        view = app.view_functions.get(request.endpoint or "")
        if not _host_known(request.host, known, any_address=any_address):
            # As it came: request.host is empty for a malformed one.
            named = request.headers.get("Host", "")[:120]
            raise Forbidden(f"unknown Host {named!r}: add it to ALLOWED_HOSTS. {HINT}", reason="host")
        refuse_foreign(request, view, example_gets=settings.example_gets)
        refuse_bad_text(request)
        if access.enabled:
            g.caller = access.authorize(
                f"{request.method} {request.url_rule.rule}" if request.url_rule else None,
                request.query_string.decode("latin-1"),
                request.headers.get("Authorization", ""),
                request.headers.get("Cookie", ""),
                (request.view_args or {}).get("task_id"),
            )


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
