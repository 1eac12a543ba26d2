"""The three services on a real server, asked as any program would ask them."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from donebit.store import Store
from tests.web.services import Services


class Service:
    """Sends requests to one service and returns what it answers; an error status fails the test."""

    def __init__(self, client: FlaskClient) -> None:
        self._client = client

    def get(self, path: str) -> Any:
        """The JSON of an answer, or its bytes where it is none."""
        return self._ask("GET", path)

    def put(self, path: str) -> Any:
        return self._ask("PUT", path)

    def post(self, path: str, **body: object) -> Any:
        return self._ask("POST", path, **({"json": body} if body else {}))

    def _ask(self, method: str, path: str, **given: Any) -> Any:
        answer = self._client.open(path, method=method, **given)
        assert answer.status_code in (200, 202), answer.text
        return answer.json if answer.is_json else answer.data


@pytest.fixture
def services(real_store: Store) -> Services:
    return Services(real_store)


@pytest.fixture
def trigger(services: Services) -> Service:
    """Starts tasks."""
    return Service(services.trigger)


@pytest.fixture
def done(services: Services) -> Service:
    """Takes reports of steps, and says how a task is."""
    return Service(services.done)


@pytest.fixture
def distinct(services: Services) -> Service:
    """Takes visits, and counts users."""
    return Service(services.distinct)
