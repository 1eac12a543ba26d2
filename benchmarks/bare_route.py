"""distinct_app with one more route, a bare SETBIT, which a visit is compared with."""

from __future__ import annotations

from flask import Flask, Response, request

from distinct_app.service import create_app as distinct_app
from donebit import config
from donebit.store.client import connect
from donebit.store.store import SERVICE_TIMEOUT


def create_app() -> Flask:
    """Return the service, with `POST /bare?userId=7` added."""
    settings = config.load()
    client = connect(settings.redis_url, connections=settings.web_threads, timeout=SERVICE_TIMEOUT)
    app = distinct_app(settings)

    @app.post("/bare")
    def bare() -> Response:
        before = client.setbit("bare", int(request.args["userId"]), 1)
        return Response(f'{{"fresh":{"false" if before else "true"}}}\n', content_type="application/json")

    return app
