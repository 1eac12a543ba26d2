"""A store that the commit before layout 4 wrote is moved on, and all of it is there afterwards."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from redis import Redis

from donebit.activity import permissions
from donebit.activity.analytics import counts
from donebit.activity.flags import flag
from donebit.activity.periods.calendar import Granularity
from donebit.activity.sets import members
from donebit.activity.site import Site
from donebit.activity.users.ids import UserKind
from donebit.completion import deliveries, failing, lifecycle, reporting
from donebit.errors import ConfigurationError, Conflict
from donebit.migration.from_layout_4 import Lowered
from donebit.migration.run import migrate
from donebit.store import Store
from donebit.store.bitmaps import Bitmap
from donebit.store.store import refuse_unfit
from tests.activity.arranged import UTC_CALENDAR, site_on
from tests.conftest import SERVERS, everything, wrong_keys
from tests.forked import run_module
from tests.migration.old_store import WRITTEN, WRITTEN_AT, load_old_store
from tests.servers import RunningServer
from tests.started import REPOSITORY

TASKS = 205


@pytest.fixture(params=[name for name in SERVERS if name != "fakeredis"])
def server(request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    found: RunningServer = request.getfixturevalue("valkey" if request.param == "valkey" else "redis_8")
    found.client.flushall()
    load_old_store(found.client)
    yield found
    found.client.flushall()


@pytest.fixture
def moved(server: RunningServer) -> Store:
    store = Store.on(server.client)
    migrate(store, force=True)
    return store


def test_a_service_refuses_the_old_store_and_names_the_command(server: RunningServer) -> None:
    with pytest.raises(ConfigurationError, match=r"layout 3, .* `donebit migrate`$"):
        refuse_unfit(Store.on(server.client))


@pytest.mark.parametrize("kept", ["done:tasks", "flag:names", "seen:layout", "may:{file}:names"])
def test_a_service_refuses_what_is_left_of_an_old_store(server: RunningServer, kept: str) -> None:
    server.client.delete(*(key for key in server.client.scan_iter() if key != kept.encode()))

    with pytest.raises(ConfigurationError, match="donebit migrate"):
        refuse_unfit(Store.on(server.client))


def test_counts_are_the_same_before_and_after(server: RunningServer) -> None:
    made = migrate(Store.on(server.client), force=True)

    assert made.after == made.before
    assert made.before["tasks"] == TASKS
    assert (made.before["events"], made.before["flags"]) == (5, 3)
    assert made.before["users with text ids"] == 302  # 302 seen, one erased, one flagged
    assert made.before["pending deliveries: webhook"] == 1
    assert made.keys == len(WRITTEN["keys"])


def test_every_key_is_one_of_the_catalogue(moved: Store, server: RunningServer) -> None:
    assert dict(wrong_keys(server.client)) == {}
    refuse_unfit(moved)


def test_keys_keep_what_they_hold_and_when_they_expire(server: RunningServer) -> None:
    client, store = server.client, Store.on(server.client)
    before, expires = everything(client), sorted(expiries(client))

    migrate(store, force=True)

    after = everything(client)
    del after[store.keys.LAYOUT.encode()], before[b"seen:layout"]
    assert sorted(map(repr, after.values())) == sorted(map(repr, before.values()))
    assert sorted(expiries(client)) == expires


def expiries(client: Redis) -> list[int]:
    return [client.expiretime(name.decode()) for name in client.scan_iter()]


def test_tasks_are_as_they_were(moved: Store) -> None:
    states = {
        name: lifecycle.get_task(moved, name).task.state
        for name in ("running", "done", "failed", "cancelled")
    }
    running = lifecycle.get_task(moved, "running").task

    assert states == {name: name for name in states}
    assert (running.missing_steps, running.spec.label) == (47, "nightly")
    failed = lifecycle.get_task(moved, "failed").task
    failures = failing.list_failures(moved, failed, limit=10).failures
    assert [(one.step, one.error) for one in failures] == [(1, "no file 1"), (3, "no file 3")]


def test_a_task_goes_on_where_it_was(moved: Store) -> None:
    again = reporting.report(moved, "running", [1, 2, 3], [(10, 60)], reply_key="k:1", token="t-1")
    rest = reporting.report(moved, "running", ranges=[(0, 100)])

    assert (again.fresh, rest.fresh, rest.completed_task) == (53, 47, True)


def test_deliveries_are_still_pending(moved: Store) -> None:
    due = {
        kind: [name.task_id for name in deliveries.list_due(moved, kind, 10)]
        for kind in ("webhook", "callback", "then")
    }

    assert due == {"webhook": ["done"], "callback": ["done"], "then": ["failed"]}
    assert len(deliveries.list_deliveries(moved, lifecycle.get_task(moved, "done").task)) == 2


def test_visitors_are_counted_as_before(moved: Store) -> None:
    site = site_on(moved)
    day, ever = (UTC_CALENDAR.period_at(one, WRITTEN_AT) for one in (Granularity.DAY, Granularity.ALL))

    assert counts.count(site, "login", ever) == 532
    assert counts.count(site, "login", day) == 502
    assert counts.count(site, "7", ever) == 3
    assert counts.count(site, "segments", day) == 2
    assert counts.count(site, "opened", ever) == 301
    assert counts.count(site, "sparse", ever) == 50
    assert counts.present(site, "opened", "ada", day)
    assert not counts.present(site, "opened", "user-3@example.org", day)


def test_a_user_keeps_their_number(moved: Store) -> None:
    page = members.page_of(site_on(moved), UserKind.TEXTS, Bitmap("opened", "all"), limit=3)

    assert moved.directory.number_users(["ada", "new@example.org"]) == [0, 303]
    assert page.users[:2] == ["ada", "0a8f7c1e-27a6-4a3e-8d68-51d3f6e9a001"]


def test_flags_and_permissions_are_as_they_were(moved: Store) -> None:
    site: Site = site_on(moved)
    kind = permissions.get_kind(site, "file")

    assert {one.name: flag.count(site, one.name) for one in flag.all_flags(site)} == {
        "newsletter": 5,
        "beta": 2,
        "segments": 1,
    }
    assert flag.has(site, "newsletter", 2_000_000)
    assert permissions.permissions_of(site, kind, "notes.txt") == ["read", "share"]


def test_waiting_messages_stay_in_their_queue(moved: Store) -> None:
    assert moved.heartbeats.queue_lengths(("donebit.control", "donebit.steps")) == [1, 1]


def test_a_dry_run_changes_nothing(server: RunningServer) -> None:
    before = everything(server.client)

    made = migrate(Store.on(server.client), dry_run=True)

    assert everything(server.client) == before
    assert made.keys == len(before)


def test_a_dry_run_after_an_interrupted_move_counts_uuids_too(server: RunningServer) -> None:
    server.client.hset("seen:{users}:numbers", "6F9619FF-8B86-D011-B42D-00C04FC9A000", b"\x01\0\0\0")

    before = migrate(Store.on(server.client), dry_run=True, force=True).lowered
    server.client.rename("seen:{users}:numbers", "donebit:seen:{users}:numbers")
    after = migrate(Store.on(server.client), dry_run=True, force=True)

    assert before == after.lowered == Lowered(1, 0)
    assert after.found == 3


def test_a_second_migration_finds_nothing_to_do(moved: Store, server: RunningServer) -> None:
    before = everything(server.client)

    assert migrate(moved).found == 5
    assert everything(server.client) == before


# Killed after so many pages of ten keys; the pages after the last are those that mark an older store.
@pytest.mark.parametrize("pages", [1, 2, 20, 40, 55, 59])
def test_killed_half_way_it_goes_on_with_the_rest(server: RunningServer, pages: int) -> None:
    killed = run_module("tests.migration.killed", [server.url, pages], REPOSITORY, os.environ)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    with pytest.raises(ConfigurationError, match="donebit migrate"):
        refuse_unfit(Store.on(server.client))

    made = migrate(Store.on(server.client), force=True)

    assert made.after == made.before
    assert made.after["tasks"] == TASKS
    assert server.client.dbsize() == len(WRITTEN["keys"])
    assert dict(wrong_keys(server.client)) == {}


def test_foreign_keys_are_left_alone(server: RunningServer) -> None:
    foreign = {
        b"session:7": b"x",
        b"done:report": b"y",
        b"flag:{a}:b:c": b"z",
        b"unacked": b"no hash",
        b"\xff": b"",
    }
    server.client.mset(foreign)

    migrate(Store.on(server.client), force=True)

    assert server.client.mget(foreign) == list(foreign.values())


def test_a_key_under_the_new_name_is_not_overwritten(server: RunningServer) -> None:
    server.client.set("donebit:flag:names", "mine")

    with pytest.raises(Conflict, match="both flag:names and donebit:flag:names exist"):
        migrate(Store.on(server.client), force=True)

    assert server.client.get("donebit:flag:names") == b"mine"
    assert server.client.hlen("flag:names") == 3


def test_two_kinds_of_key_with_one_name_are_told_apart(server: RunningServer) -> None:
    """In layout 3 the registry of an event called 12 had the name of a segment of `segments`."""
    server.client.setbit("seen:{12}:segments:all", 3, 1)
    store = Store.on(server.client)

    migrate(store, force=True)

    assert server.client.getbit(store.keys.segment(12, "segments", "all"), 3) == 1
    assert server.client.getbit(store.keys.segments("7", "all"), 0) == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2 segment_bits=8", "layout 2, which cannot be moved on"),
        ("9 segment_bits=8", "layout 9, of a later version"),
        ("someone else's", "no version of Donebit writes"),
    ],
)
def test_a_store_of_another_layout_is_refused(server: RunningServer, text: str, why: str) -> None:
    server.client.set("seen:layout", text)
    before = everything(server.client)

    with pytest.raises(Conflict, match=why):
        migrate(Store.on(server.client), force=True)

    assert everything(server.client) == before


def test_a_service_refuses_a_store_too_old_to_be_moved(server: RunningServer) -> None:
    server.client.set("seen:layout", "2 segment_bits=8")

    with pytest.raises(ConfigurationError, match=r"layout '2 segment_bits=8'.*docs/backup.md"):
        refuse_unfit(Store.on(server.client))


@pytest.mark.parametrize("process", ["worker", "sweep"])
def test_it_does_not_run_under_a_worker(server: RunningServer, process: str) -> None:
    seconds, _ = server.client.time()
    server.client.delete("pulse:worker", "pulse:sweep")
    server.client.set(f"pulse:{process}", seconds * 1000)

    with pytest.raises(Conflict, match=r"was seen \d s ago: stop every service"):
        migrate(Store.on(server.client))

    server.client.set(f"pulse:{process}", (seconds - 31) * 1000)
    assert migrate(Store.on(server.client)).after["tasks"] == TASKS


def test_an_empty_server_has_nothing_to_move(server: RunningServer) -> None:
    server.client.flushall()

    assert migrate(Store.on(server.client)).found == 0
    assert server.client.keys() == []


def test_another_prefix_than_the_default_is_put_before_keys(server: RunningServer) -> None:
    store = Store.on(server.client, "shop:")

    migrate(store, force=True)

    assert server.client.keys() == server.client.keys("shop:*")
    assert lifecycle.get_task(store, "running").task.missing_steps == 47
