"""How long a question may take: each route that only reads, but for what an export sends as it goes."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask, request

from distinct_app.needs import NEEDS
from donebit import deadline
from donebit.access.roles import Role
from donebit.web.access import route_name


def register(app: Flask, limit: timedelta) -> None:
    """Give each question to a service so much time."""

    @app.before_request
    def begin() -> None:
        rule = request.url_rule
        if rule is not None and NEEDS.get(route_name(request.method, rule.rule)) is Role.READ:
            deadline.begin(limit)

    @app.teardown_request
    def end(_: BaseException | None) -> None:
        deadline.end()
