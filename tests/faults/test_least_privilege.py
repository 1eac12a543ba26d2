"""The user that docs/operations.md makes on the server: enough for all features, and nothing is refused."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from redis import Redis

from donebit import clock
from donebit.config import Settings
from donebit.demo.sample.filling import fill
from donebit.demo.sample.services import services as sample_clients
from donebit.migration.run import migrate
from donebit.store import Store
from tests.stack import DONE_SECONDS, Stack, ask
from tests.started import eventually
from tests.web.documented import Examples, operations
from tests.web.services import NAMES
from tests.web.test_examples import NOW, Sender

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"
LINES = re.findall(r"^ACL SETUSER .*$", OPERATIONS.read_text(), re.MULTILINE)


def allow(operator: Redis) -> None:
    for line in LINES:
        operator.execute_command(*shlex.split(line))  # type: ignore[no-untyped-call]  # the library leaves it untyped


def refused(operator: Redis) -> list[tuple[object, object, object]]:
    """What the user was refused: why, what, and where."""
    log = cast(list[dict[str, object]], operator.acl_log())
    return [(entry["reason"], entry["object"], entry["context"]) for entry in log]


def url_of(server_port: int) -> str:
    return f"redis://donebit:PASSWORD@127.0.0.1:{server_port}/0"


def delivered(store: Store) -> bool:
    return not sum(store.deliveries.pending_counts().values())


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Stack]:
    """A whole stack whose processes have that user."""
    stack = Stack(tmp_path)
    try:
        allow(stack.server.client)
        stack._environment["REDIS_URL"] = url_of(stack.server.port)
        stack.start()
        yield stack
    finally:
        stack.close()


def test_everything_runs_with_the_documented_user(limited: Stack) -> None:
    then = {"job": "demo", "count": 3}
    first = limited.create(
        300, job="demo", params={"sleep_ms": 1}, callback={"name": "reports.finished"}, then=then
    )
    limited.await_told(first)
    limited.await_told(limited.trigger_done(5, 0), swept=True)
    eventually(lambda: delivered(limited.store), DONE_SECONDS, what="an end is not delivered")
    trigger, done, distinct = limited.ports.values()
    settings = Settings(trigger_port=trigger, done_port=done, distinct_port=distinct)
    with sample_clients(settings) as clients:
        fill(*clients)
    answers = [
        ask("GET", f"{base}{path}", within_seconds=20).status
        for base, path in [
            *((limited.done, f"/tasks/{first}{part}") for part in ("", "/missing", "/failures", "/results")),
            (limited.done, "/tasks?state=done"),
            (limited.done, "/workers"),
            (limited.done, "/workers/log"),
            *((base, "/metrics") for base in limited.services().values()),
            *((limited.trigger, page) for page in ("/", "/users", "/workers")),
        ]
    ]

    assert refused(limited.server.client) == []
    assert set(answers) <= {200, 404}


def test_every_documented_question_runs_with_the_documented_user(
    limited: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    store = Store.at(url_of(limited.server.port))

    for name in NAMES:
        sender = Sender(name, store, limited.server.client)
        examples = Examples(sender.document)
        for operation in operations(sender.document):
            sender.refusal(operation, examples.request(operation))

    assert refused(limited.server.client) == []


def test_a_migration_runs_with_the_documented_user(limited: Stack) -> None:
    migrate(Store.at(url_of(limited.server.port)), dry_run=True, force=True)

    assert refused(limited.server.client) == []
