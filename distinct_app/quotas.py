"""Which routes of distinct_app may begin an event or a flag, and are held to the limits of these."""

from __future__ import annotations

from typing import Final

from flask import request

from donebit.names import EXAMPLE_EVENT
from donebit.web.quotas import admit_events, admit_flag

# By method and rule; those of `POST /visits` are named in its body.
BEGIN_AN_EVENT: Final = {"POST /events/<event>", "POST /events/<event>/bitmap"}
BEGIN_A_FLAG: Final = {
    "PUT /flags/<flag>",
    "PUT /flags/<flag>/bitmap",
    "PUT /flags/<flag>/users",
    "PUT /flags/<flag>/users/<user>",
}
OF_THE_EXAMPLE: Final = "/distinct"


def refuse_new() -> None:
    """Refuse the current request if it may begin an event or flag beyond the limit.

    Raises:
        QuotaExceeded: there are as many as may be, and this one is new.
    """
    rule = request.url_rule.rule if request.url_rule else ""
    route, parts = f"{request.method} {rule}", request.view_args or {}
    if route in BEGIN_AN_EVENT:
        admit_events([parts["event"]])
    elif route in BEGIN_A_FLAG:
        admit_flag(parts["flag"])
    elif rule == OF_THE_EXAMPLE and "userId" in request.args:
        admit_events([EXAMPLE_EVENT])
