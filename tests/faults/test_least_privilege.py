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
from donebit.errors import ConfigurationError
from donebit.migration.command import migrate_store, shard_store
from donebit.store import Store
from tests.migration.old_store import LAYOUT_4, LAYOUT_5, WRITTEN, load_old_store
from tests.servers import RunningServer, running, valkey_binary
from tests.stack import DONE_SECONDS, Stack, ask
from tests.started import eventually
from tests.web.documented import Examples, operations
from tests.web.services import NAMES
from tests.web.test_examples import NOW, Sender

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"
LINES = re.findall(r"^ACL SETUSER .*$", OPERATIONS.read_text(), re.MULTILINE)
USER, OF_LAYOUT_3, OF_OTHER_QUEUES, OF_SENTINEL_GROUP, OF_SENTINELS = LINES
OLD_STORES = {"layout 3": WRITTEN, "layout 4": LAYOUT_4}


def allow(operator: Redis, lines: tuple[str, ...] = (USER, OF_OTHER_QUEUES)) -> None:
    for line in lines:
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


@pytest.fixture
def own(tmp_path: Path) -> Iterator[RunningServer]:
    with running(valkey_binary(), tmp_path) as server:
        allow(server.client, (USER,))
        yield server


@pytest.mark.parametrize(("layout", "more"), [("layout 4", ()), ("layout 3", (OF_LAYOUT_3,))])
@pytest.mark.parametrize("dry_run", [True, False])
def test_a_migration_runs_with_the_documented_user(
    own: RunningServer, layout: str, more: tuple[str, ...], dry_run: bool
) -> None:
    load_old_store(own.client, OLD_STORES[layout])
    own.client.delete("pulse:worker", "pulse:sweep", "donebit:heartbeat:worker", "donebit:heartbeat:sweep")
    allow(own.client, more)

    settings = Settings(redis_url=url_of(own.port))
    made = migrate_store(settings, dry_run=dry_run, force=False)

    assert f"layout {made.found}" == layout
    assert refused(own.client) == []


def test_directories_are_cut_with_the_documented_user(own: RunningServer) -> None:
    load_old_store(own.client, LAYOUT_5)

    cut = shard_store(Settings(redis_url=url_of(own.port)), dry_run=False, force=False)

    assert cut.after == cut.before == {"users with text ids": 417, "users with mapped ids": 90}
    assert refused(own.client) == []


def test_a_migration_without_the_rights_ends_with_a_sentence(own: RunningServer) -> None:
    load_old_store(own.client, WRITTEN)
    settings = Settings(redis_url=url_of(own.port))

    with pytest.raises(ConfigurationError, match=r"lacks a right that a migration needs .*to access a key"):
        migrate_store(settings, dry_run=False, force=False)
