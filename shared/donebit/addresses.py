"""Where a service is reached: the one place that builds its address."""

from __future__ import annotations

from urllib.parse import urlsplit

from donebit.errors import InvalidInput

LOOPBACK = "127.0.0.1"


def reachable_host(host: str) -> str:
    """Where a server bound to `host` answers a client on this machine."""
    return {"0.0.0.0": LOOPBACK, "::": "::1", "": LOOPBACK}.get(host, host)  # noqa: S104 - read, not bound


def host_in_url(host: str) -> str:
    """A host as a URL has it: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def address(host: str, port: int | str) -> str:
    """The service's address as a browser on this machine would write it."""
    return f"http://{host_in_url(reachable_host(host))}:{port}"


def url_setting(service: str) -> str:
    """The environment variable that says where a service is, as DONE_URL of done_app."""
    return f"{service.removesuffix('_app').upper()}_URL"


def checked_url(setting: str, url: str) -> str:
    """Return a service's URL.

    Raises:
        InvalidInput: It is not an http or https URL that a route's path may follow; names its setting.
    """
    if not isinstance(url, str):  # as callers of the client may give, whatever the annotation says
        raise _no_url(setting, url)
    try:
        parts = urlsplit(url)
        is_valid = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:  # a port that is no number, brackets that do not close
        is_valid = False
    else:
        _refuse_user(setting, parts.netloc)
    # What stands after ? or # is no path; spaces around it, and a line break, are of what it was copied from.
    if not is_valid or not url.isprintable() or set(url) & set(" ?#"):
        raise _no_url(setting, url)
    return url


def _no_url(setting: str, url: object) -> InvalidInput:
    return InvalidInput(f"{setting} is {url!r}; it must be a URL such as http://127.0.0.1:8098")


def _refuse_user(setting: str, netloc: str) -> None:
    """Refuse a user and a password, which would be ignored, or sent in place of the token; shows neither."""
    if "@" in netloc:
        raise InvalidInput(f"{setting} has a user in it; it must have none, as services know tokens alone")
