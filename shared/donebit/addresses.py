"""Where a service is reached: the one place that builds its address."""

from __future__ import annotations

from urllib.parse import urlsplit

from donebit.errors import InvalidInput

LOOPBACK = "127.0.0.1"


def reachable_host(host: str) -> str:
    """Where a server bound to `host` answers a client on this machine."""
    return {"0.0.0.0": LOOPBACK, "::": "::1", "": LOOPBACK}.get(host, host)  # noqa: S104 - read, not bound


def address(host: str, port: int | str) -> str:
    """The service's address as a browser on this machine would write it."""
    reachable = reachable_host(host)
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def checked_url(setting: str, url: str) -> str:
    """Return a service's URL. Raises InvalidInput, naming its setting, if it is not an http or https URL."""
    try:
        parts = urlsplit(url)
        is_valid = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:  # a port that is no number, brackets that do not close
        is_valid = False
    if not is_valid:
        raise InvalidInput(f"{setting} is {url!r}; it must be a URL such as http://127.0.0.1:8098")
    return url
