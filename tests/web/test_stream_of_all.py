"""The stream over all tasks: what it tells, and what it costs the server."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from redis import Redis

from done_app.api import streams
from done_app.api.streams import ALL, TaskWatch, ended_since, is_running
from donebit import clock
from donebit.completion import announcing, failing, lifecycle, reporting, resuming
from donebit.store import Store, keys
from donebit.web.listener import Message, Table
from tests.completion.arranged import TTLS, start


class Told:
    """What a listener who is caught up hears at each look."""

    def __init__(self, store: Store) -> None:
        self._watch = TaskWatch(store)
        self.table: Table = self._watch.read({ALL: {}})[ALL]

    def next(self) -> dict[str, Message]:
        before, self.table = self.table, self._watch.read({ALL: self.table})[ALL]
        return {key: message for key, message in self.table.items() if before.get(key) != message}


def states(news: Mapping[str, Message]) -> dict[str, Any]:
    return {name: message.get("state", "deleted") for name, message in news.items()}


def announce(store: Store, task_id: str) -> None:
    announcing.announce(store, task_id, lambda _: None)


@pytest.fixture
def nothing_lately(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if every task had been created long ago."""
    monkeypatch.setattr(streams, "RECENT", timedelta(days=-1))


def test_a_task_is_told_when_it_is_new_when_it_changes_and_when_it_ends(store: Store) -> None:
    told = Told(store)

    start(store, 2, task_id="a")
    new = told.next()
    reporting.report(store, "a", [0])
    moved = told.next()
    nothing = told.next()
    reporting.report(store, "a", [1])
    ended = told.next()

    assert (states(new), states(moved), nothing, states(ended)) == (
        {"a": "running"},
        {"a": "running"},
        {},
        {"a": "done"},
    )
    assert [news["a"]["done_steps"] for news in (new, moved, ended)] == [0, 1, 2]


@pytest.mark.usefixtures("nothing_lately")
def test_a_task_that_ended_between_two_reads_is_reported_as_ended(store: Store) -> None:
    start(store, 1, task_id="a")
    told = Told(store)

    reporting.report(store, "a", [0])
    announce(store, "a")

    news = told.next()
    assert states(news) == {"a": "done"}
    assert news["a"]["announced_at"]
    assert told.next() == {}
    assert told.table == {}


def test_a_task_that_came_and_went_between_two_looks_is_told_once(store: Store) -> None:
    told = Told(store)

    start(store, 1, task_id="a")
    reporting.report(store, "a", [0])
    announce(store, "a")

    assert states(told.next()) == {"a": "done"}
    assert [told.next() for _ in range(3)] == [{}] * 3


@pytest.mark.usefixtures("nothing_lately")
def test_the_announcement_of_an_end_that_was_told_is_told_too(store: Store) -> None:
    start(store, 1, task_id="a")
    told = Told(store)
    reporting.report(store, "a", [0])
    ended = told.next()

    announce(store, "a")

    assert ended["a"]["announced_at"] is None
    assert told.next()["a"]["announced_at"]


@pytest.mark.parametrize("gone", ["deleted", "expired"])
def test_a_running_task_that_is_gone_is_told_as_deleted_once(store: Store, client: Redis, gone: str) -> None:
    start(store, 1, task_id="a", label="night")
    told = Told(store)

    if gone == "deleted":
        lifecycle.delete(store, "a")
    else:
        client.delete(keys.record("a"), keys.bitmap("a"))

    assert told.next() == {"a": {"task_id": "a", "label": "night", "deleted": True}}
    assert told.next() == {}


@pytest.mark.usefixtures("nothing_lately")
def test_a_failed_task_that_is_resumed_is_told_as_running_again(store: Store) -> None:
    start(store, 1, task_id="a")
    failing.fail(store, "a", 0, "no")
    announce(store, "a")
    told = Told(store)
    before = told.table

    resuming.resume(store, "a", TTLS)

    assert (before, states(told.next())) == ({}, {"a": "running"})


def test_a_task_that_cannot_be_read_hides_no_other(store: Store, client: Redis) -> None:
    for name in ("a", "b"):
        start(store, 2, task_id=name)
    client.hset(keys.record("a"), "order", '{"of": "a version to come"}')

    assert states(Told(store).table) == {"b": "running"}


def test_a_task_followed_by_its_own_stream_alone_is_no_news_of_all(store: Store) -> None:
    start(store, 1, task_id="long-ago")
    reporting.report(store, "long-ago", [0])
    announce(store, "long-ago")
    TaskWatch(store)
    store.task_index.unindex_task("long-ago")

    tables = TaskWatch(store).read({ALL: {}, "long-ago": {}})

    assert states(tables["long-ago"]) == {"long-ago": "done"}
    assert tables[ALL] == {}


def test_the_first_read_has_running_tasks_and_those_ended_since() -> None:
    now = clock.now()
    before, after = (clock.iso(now + timedelta(seconds=seconds)) for seconds in (-1, 1))

    assert is_running({"ended_at": None})
    assert not is_running({"ended_at": before})
    assert not is_running({"deleted": True})
    assert [ended_since({"ended_at": at}, now) for at in (None, before, after)] == [False, False, True]


@pytest.mark.usefixtures("nothing_lately")
def test_a_look_costs_what_is_open_not_what_exists(real_store: Store, real_client: Redis) -> None:
    def commands() -> int:
        stats: dict[str, dict[str, int]] = real_client.info("commandstats")
        return sum(one["calls"] for name, one in stats.items() if name != "cmdstat_info")

    for n in range(100):
        start(real_store, 1, task_id=f"ended-{n}")
        reporting.report(real_store, f"ended-{n}", [0])
        announce(real_store, f"ended-{n}")
    for n in range(3):
        start(real_store, 1, task_id=f"open-{n}")
    told = Told(real_store)
    before = commands()

    told.next()

    assert commands() - before == 2 + 3
