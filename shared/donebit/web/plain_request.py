"""Plain requests: those of which a few headers say all that the checks before a view look at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from donebit.web.prefix import path_below

# Any of these makes a request one for Flask: what a browser says of the page that sends it, and what goes
# with a body. Not a cookie: it is looked at only where there is no token, and then there is no short way.
NOT_PLAIN = {
    b"origin",
    b"referer",
    b"sec-fetch-site",
    b"content-encoding",
    b"transfer-encoding",
}
LENGTH = b"content-length"
READ = {b"host", b"authorization", b"idempotency-key"}


class PlainRequest(NamedTuple):
    """A request without a body; what is not there is empty.

    Attributes:
        scheme: http or https
        path: without the service's prefix; nothing in it is percent-encoded
        query: as it came
        host: the header of that name
        authorization: the header of that name
        idempotency_key: the header of that name; None without one
    """

    scheme: str
    path: str
    query: str
    host: str
    authorization: str
    idempotency_key: str | None


def read_plain(scope: Mapping[str, Any], prefix: str) -> PlainRequest | None:
    """Read a request.

    Args:
        scope: as ASGI has it
        prefix: the path that a proxy has the service under; empty for none

    Returns:
        None if the request is not plain.
    """
    path: str = scope["raw_path"].decode("latin-1")
    if "%" in path:
        return None
    read: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        if name in READ:
            if name in read:
                return None
            read[name] = value.decode("latin-1")
        elif name in NOT_PLAIN or (name == LENGTH and value != b"0"):
            return None
    return PlainRequest(
        scope["scheme"],
        path_below(prefix, path) if prefix else path,
        scope["query_string"].decode("latin-1"),
        read.get(b"host", ""),
        read.get(b"authorization", ""),
        read.get(b"idempotency-key"),
    )
