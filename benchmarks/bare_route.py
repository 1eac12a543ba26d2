"""distinct_app with one more route, a bare SETBIT, which a visit is compared with."""

from __future__ import annotations

from flask import Flask, Response

from distinct_app.service import create_app as distinct_app
from donebit.config import Settings
from donebit.store.client import connect
from donebit.store.store import SERVICE_TIMEOUT


def create_app(settings: Settings) -> Flask:
    """Return the service, with `POST /bare/7` added."""
    client = connect(settings.redis_url, connections=settings.web_threads, timeout=SERVICE_TIMEOUT)
    app = distinct_app(settings)

    def bare(user: int) -> Response:
        before = client.setbit("bare", user, 1)
        return Response(f'{{"fresh":{"false" if before else "true"}}}\n', content_type="application/json")

    app.add_url_rule("/bare/<int:user>", view_func=bare, methods=["POST"])
    return app
