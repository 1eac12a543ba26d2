"""How many bytes the body of a request may have, route by route."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from flask import Flask, Request, current_app

from donebit.config import Settings

EXTENSION = "donebit_body_limits"
SMALL = 64 * 1024  # of every route that is not named below
# All that is held of a caller without a token: a sign-in, with the address of the page that led to it; and
# what comes with a GET, which takes no body.
SIGN_IN, OF_A_GET = 16 * 1024, 4 * 1024
EXPRESSION = 256 * 1024  # 256 events and flags as JSON, each with its dates
BULK = "MAX_BODY_BYTES"  # the setting says how many
RESULT = "MAX_STEP_RESULT_BYTES"  # and what a report has beside its result
BESIDE_RESULT = 4 * 1024

Limits = Mapping[tuple[str, str], int | str]

# By method and rule, as Flask has it; a number of bytes, or the setting that has it.
OTHERS: Mapping[str, Limits] = {
    "trigger_app": {("POST", "/tasks"): BULK, ("POST", "/sign-in"): SIGN_IN},
    "done_app": {
        ("POST", "/tasks/<task_id>/steps"): BULK,
        ("POST", "/tasks/<task_id>/retry"): BULK,
        ("POST", "/tasks/<task_id>/items"): BULK,
        ("POST", "/tasks/<task_id>/extend"): BULK,
        ("PUT", "/tasks/<task_id>/steps/<n>"): RESULT,
    },
    "distinct_app": {
        ("POST", "/visits"): BULK,
        ("POST", "/events/<event>"): BULK,
        ("POST", "/events/<event>/estimate"): BULK,
        ("POST", "/events/<event>/bitmap"): BULK,
        ("PUT", "/flags/<flag>/bitmap"): BULK,
        ("PUT", "/flags/<flag>/users"): BULK,
        ("DELETE", "/flags/<flag>/users"): BULK,
        ("PUT", "/flags/<flag>"): EXPRESSION,
        ("POST", "/query"): EXPRESSION,
        ("POST", "/query/members"): EXPRESSION,
    },
}


class BodyLimit(NamedTuple):
    """How many bytes a route takes, decompressed, and the setting that says so, if one does."""

    most: int
    setting: str = ""

    def __str__(self) -> str:
        """The limit for an error message."""
        named = f" ({self.setting})" if self.setting else ""
        return f"at most {self.most} bytes are taken here{named}"


class BodyLimits:
    """The limits of one service."""

    def __init__(self, service: str, settings: Settings) -> None:
        """
        Args:
            service: such as `done_app`
            settings: of the process
        """
        self._bulk = BodyLimit(settings.max_body_bytes, BULK)
        self._result = BodyLimit(settings.max_step_result_bytes + BESIDE_RESULT, RESULT)
        self._others = {route: self._limit(limit) for route, limit in OTHERS.get(service, {}).items()}
        self._small, self._least = self._limit(SMALL), self._limit(OF_A_GET)

    def _limit(self, limit: int | str) -> BodyLimit:
        """That of the table; the setting bounds all of them."""
        named = {BULK: self._bulk, RESULT: self._result}
        return min(self._bulk, named.get(str(limit)) or BodyLimit(int(limit)))

    def of_route(self, method: str, rule: str) -> BodyLimit:
        """Return the limit of a route, given by its method and its rule as Flask has it."""
        if method in ("GET", "HEAD"):
            return self._least
        return self._others.get((method, rule), self._small)

    def of_request(self, asked: Request) -> BodyLimit:
        """Return the limit of a request whose address has been matched."""
        return self.of_route(asked.method, asked.url_rule.rule if asked.url_rule else "")


def register(app: Flask, settings: Settings) -> None:
    """Keep the limits of a service where its requests and the front door find them."""
    app.extensions[EXTENSION] = BodyLimits(app.name, settings)


def limit_of(asked: Request) -> BodyLimit:
    """Return the limit of a request to the current service."""
    limits: BodyLimits = current_app.extensions[EXTENSION]
    return limits.of_request(asked)
