"""Flask's test clients of the three services, and the checks that every refusal has to pass."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, lru_cache
from io import BytesIO
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

import distinct_app.service
import done_app.service
import trigger_app.service
from donebit.config import Settings
from donebit.store import Store
from tests.quick_documents import remember_schemas

Create = Callable[[Settings, Store], Flask]
NAMES = ("trigger", "done", "distinct")
MEMBERS = {"type", "title", "status", "detail", "errors"}
ELSEWHERE = "redis://127.0.0.1:1/0"  # nobody listens there

remember_schemas()


@lru_cache(maxsize=32)
def _app(create: Create, store: Store, settings: tuple[tuple[str, Any], ...]) -> Flask:
    """Made once for all tests over the same store: documenting its routes takes 0.03 s or more."""
    return create(Settings(**dict(settings)), store)


class Services:
    """A client of each service, over one store. The broker is Celery's own, in memory, unless given."""

    def __init__(self, store: Store, **settings: Any) -> None:
        self._store = store
        whole = {"redis_url": ELSEWHERE, "broker_url": "memory://", **settings}
        self._settings = tuple(sorted(whole.items()))

    # Each made when it is first asked for: most tests are about one.

    @cached_property
    def trigger(self) -> FlaskClient:
        return self._client(trigger_app.service.create_app)

    @cached_property
    def done(self) -> FlaskClient:
        return self._client(done_app.service.create_app)

    @cached_property
    def distinct(self) -> FlaskClient:
        return self._client(distinct_app.service.create_app)

    def _client(self, create: Create) -> FlaskClient:
        return _app(create, self._store, self._settings).test_client()

    def of(self, name: str) -> FlaskClient:
        client: FlaskClient = getattr(self, name)
        return client

    def start(self, count: int, **body: Any) -> str:
        """A task whose steps the caller reports."""
        answer = self.trigger.post("/tasks", json={"count": count, **body})
        assert answer.status_code == 202, answer.text
        task_id: str = answer.json["task_id"] if answer.json else ""
        return task_id


def chunked(body: bytes) -> dict[str, Any]:
    """Arguments of a test client's request that send a body without Content-Length.

    Werkzeug measures `data` and `input_stream`, and sends the length it found.
    """
    return {"environ_overrides": {"wsgi.input": BytesIO(body), "wsgi.input_terminated": True}}


def body_of(answer: TestResponse, status: int = 200) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert isinstance(answer.json, dict)
    return answer.json


def problem_of(answer: TestResponse, *statuses: int) -> dict[str, Any]:
    """The refusal's members, once it is known to be one."""
    assert answer.status_code in (statuses or (422,)), answer.text
    assert answer.content_type == "application/problem+json"
    body = body_of(answer, answer.status_code)
    assert set(body) == MEMBERS
    assert body["status"] == answer.status_code
    assert body["title"]
    assert body["detail"]
    return body
