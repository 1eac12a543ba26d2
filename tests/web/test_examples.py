"""Every documented example is sent to its service, which must not refuse it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from redis import Redis

from donebit import clock
from donebit.access import tokens
from donebit.access.roles import Role
from donebit.completion import failing
from donebit.completion.announcing import announce
from donebit.store import Store
from tests.web.documented import LINES, Example, Examples, Operation, operations
from tests.web.services import NAMES, Services, body_of

ADMIN = "an-admin-token-of-the-tests"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)  # the day of distinct_app's examples
TASK_ID = "9f2c41d07a3b"  # of done_app's
OF_DISTINCT = [
    ("POST", "/events/active", {"users": [7, 8]}),
    ("POST", "/events/order", {"users": [8]}),
    ("PUT", "/flags/newsletter/users", {"users": [7]}),
    ("PUT", "/flags/staff/users", {"users": [8]}),
    ("PUT", "/permissions/report", {"permissions": ["read", "write", "share"]}),
]
# Operations whose example user is a text: the event or the flag must hold texts.
OF_TEXTS = {"/events/{event}/timeline", "/events/{event}/streak", "/events/{event}/users"}
FLAG_OF_TEXTS = ("/flags/{flag}/users", "user")
# What an optional parameter goes with; the documents say it in words.
WITH_ANOTHER = {"to": "from", "at": "period"}
WITH_LINES = {"skip_bad", "ids"}
WITH_BODY = {
    ("PUT /flags/{flag}/users", "user"): None,
    ("DELETE /flags/{flag}/users", "user"): None,
    ("POST /visits", "time_unit"): {"visits": [{"event": "bought", "user": 8, "at": 1_795_230_245}]},
}
Arrange = Callable[[Services, Store, Operation, str], None]


def arrange_distinct(services: Services, _: Store, operation: Operation, parameter: str) -> None:
    client = services.distinct
    for method, url, body in OF_DISTINCT:
        body_of(client.open(url, method=method, json=body))
    if operation.path in OF_TEXTS:
        client.delete("/events/active")
        body_of(client.post("/events/active", json={"users": ["ada@example.org"]}))
    if (operation.path, parameter) == FLAG_OF_TEXTS:
        client.delete("/flags/newsletter")
        body_of(client.put("/flags/newsletter/users", json={"users": ["joan@example.org"]}))


def arrange_done(services: Services, store: Store, operation: Operation, _: str) -> None:
    asked: dict[str, Any] = {"open": True} if operation.path.endswith(("/close", "/items")) else {}
    if "/items" in operation.path:
        asked["items"] = list(range(200))
    services.start(200, task_id=TASK_ID, then={"count": 1}, **asked)
    if operation.path.endswith("{task_id}/resume"):
        services.done.post(f"/tasks/{TASK_ID}/steps", json={"ranges": [[0, 199]]})
        failing.fail(store, TASK_ID, 199, "boom")
    if operation.path.endswith("/retry"):
        failing.fail(store, TASK_ID, 17, "boom")
    if operation.path.endswith("/redeliver"):
        services.done.post(f"/tasks/{TASK_ID}/steps", json={"ranges": [[0, 200]]})
        announce(store, TASK_ID)


def arrange_trigger(_: Services, store: Store, operation: Operation, __: str) -> None:
    if operation.name == "DELETE /tokens/{name}":
        tokens.create(store, "reporter", Role.READ)
    if "/schedules/" in operation.path and operation.method != "PUT":
        body = {"name": "nightly", "cron": "@daily", "task": {"count": 3}}
        body_of(Services(store).trigger.post("/schedules", json=body), 201)
    if "/expectations/" in operation.path and operation.method != "PUT":
        expected = {"cron": "@daily", "label": "backup"}
        body_of(Services(store).trigger.put("/expectations/backup-by-three", json=expected), 201)
    if operation.path.endswith("/rerun"):
        Services(store).start(3, task_id=TASK_ID, job="demo")


ARRANGED: dict[str, Arrange] = {
    "trigger": arrange_trigger,
    "done": arrange_done,
    "distinct": arrange_distinct,
}


class Sender:
    """Sends examples to one service, each over a store that has what it needs and nothing else."""

    def __init__(self, name: str, store: Store, server: Redis) -> None:
        # Tokens are made and revoked by who sends one; without a token a service has none.
        self.headers = {"Authorization": f"Bearer {ADMIN}"} if name == "trigger" else {}
        self.services = Services(store, api_token=ADMIN) if name == "trigger" else Services(store)
        self.store, self.server = store, server
        self.client, self.arrange = self.services.of(name), ARRANGED[name]
        self.document: dict[str, Any] = body_of(self.client.get("/openapi.json", headers=self.headers))

    def refusal(self, operation: Operation, example: Example, parameter: str = "") -> str | None:
        """Return the answer to an example that is refused; None if it is not.

        Args:
            operation: that the example is of
            example: what is sent
            parameter: the optional one that it is about, if it is about one
        """
        self.server.flushdb()
        self.arrange(self.services, self.store, operation, parameter)
        answer = self.client.open(
            example.path,
            method=operation.method,
            query_string=example.query,
            headers={**example.headers, **self.headers},
            data=example.body,
            content_type=example.media_type,
        )
        with closing(answer):  # a stream would go on
            return answer.text if answer.status_code >= 300 else None


@pytest.fixture(params=NAMES)
def sender(
    request: pytest.FixtureRequest,
    real_store: Store,
    real_client: Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> Sender:
    if request.param == "distinct":
        monkeypatch.setattr(clock, "now", lambda: NOW)
    return Sender(request.param, real_store, real_client)


def test_every_documented_example_is_accepted(sender: Sender) -> None:
    examples = Examples(sender.document)

    refusals = {one.name: sender.refusal(one, examples.request(one)) for one in operations(sender.document)}

    assert {name: why for name, why in refusals.items() if why} == {}


def test_the_example_of_every_optional_parameter_is_accepted(sender: Sender) -> None:
    examples, refusals = Examples(sender.document), {}

    for operation in operations(sender.document):
        for name in operation.optional:
            lines = name in WITH_LINES and not operation.path.endswith("/bitmap")
            media_type = LINES if lines else None
            also = [name, *{WITH_ANOTHER.get(name, name)}.intersection(operation.optional)]
            body = WITH_BODY.get((operation.name, name), ...)
            example = examples.request(operation, *also, media_type=media_type, body=body)
            if why := sender.refusal(operation, example, name):
                refusals[operation.name, name] = why

    assert refusals == {}


def test_every_parameter_has_a_description_and_an_example(sender: Sender) -> None:
    bare = [
        (operation.name, parameter["name"])
        for operation in operations(sender.document)
        for parameter in operation.parameters
        if not (parameter.get("description") and "example" in parameter)
    ]

    assert bare == []


def test_every_operation_has_a_summary_that_reads_alone(sender: Sender) -> None:
    found = {one.name: one.described.get("summary", "") for one in operations(sender.document)}

    unfit = {
        name: text
        for name, text in found.items()
        if len(text.split()) < 3 or not text[0].isupper() or "same" in text or "Both" in text
    }

    assert unfit == {}
