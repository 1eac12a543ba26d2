"""What the front door and the views hand to each other beside WSGI, in a request's environ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from werkzeug.exceptions import HTTPException

from donebit.web.listener import Listener

KEY = "donebit.exchange"


@dataclass(slots=True)
class Exchange:
    """One request and its answer.

    Attributes:
        body: as it came, whole unless there is a refusal
        refusal: why the body is not to be used: raised by whatever reads it
        listener: whose events are the answer; set by a view
        sign_of_life: what it sends when there are none for a while
        is_counted: it has been held against the limits of requests a second
    """

    body: BytesIO = field(default_factory=BytesIO)
    refusal: HTTPException | None = None
    listener: Listener | None = None
    sign_of_life: str = ""
    is_counted: bool = False


def exchange_of(environ: Mapping[str, Any]) -> Exchange | None:
    """Return that of a request, if it came through the front door: a test's own client has none."""
    found: Exchange | None = environ.get(KEY)
    return found
