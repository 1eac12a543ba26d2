"""Directories that were in one piece are cut in shards: every id keeps its number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fakeredis import FakeRedis
from redis import Redis

from donebit.activity.analytics import counts
from donebit.activity.flags import flag
from donebit.activity.periods.calendar import ALL_TIME
from donebit.activity.users.erasure import erase
from donebit.command_line.migrate import lines_of_shards
from donebit.errors import ConfigurationError, Conflict, StoreUnavailable
from donebit.migration import directories_into_shards
from donebit.migration.directories_into_shards import shard_directories
from donebit.migration.run import migrate
from donebit.store import Store, directory_cutting, keys, pipelining
from donebit.store.id_numbers import UNKNOWN
from donebit.store.id_shards import BUCKET
from donebit.store.store import refuse_unfit
from tests.activity.arranged import real_now, record, site_on
from tests.conftest import everything, wrong_keys
from tests.migration.old_store import LAYOUT_4, LAYOUT_5, load_old_store, on_fakeredis

UUIDS = [f"6f9619ff-8b86-d011-b42d-00c04fc9{number:04x}" for number in range(200)]
MAILS = [f"user{number}@example.org" for number in range(150)]
ERASED = {UUIDS[3], MAILS[7], MAILS[149]}
LATE = [f"late{number}" for number in range(70)]
DIALLED = [10**9 + 7919 * number for number in range(90)]
TEXTS = [text for text in [*UUIDS, *MAILS, *LATE] if text not in ERASED]


@pytest.fixture(params=["fakeredis", "valkey", "cluster"])
def client(request: pytest.FixtureRequest) -> Iterator[Redis]:
    """A server of each kind with a store of the version before."""
    names = {"fakeredis": "lasting_fake", "valkey": "lasting_store", "cluster": "lasting_cluster"}
    on: Redis = request.getfixturevalue(names[request.param])[0]
    on.flushall()
    load_old_store(on, LAYOUT_5)
    yield on
    on.flushall()


@pytest.fixture
def old(client: Redis) -> Store:
    return Store.on(client)


def numbers_of(store: Store) -> list[list[int]]:
    return [store.directory.known(TEXTS).tolist(), store.mapped.known(DIALLED).tolist()]


def test_every_id_keeps_its_number_and_leads_back(old: Store, client: Redis) -> None:
    before = numbers_of(old)

    made = shard_directories(old)

    store = Store.on(client)
    refuse_unfit(store)
    assert lines_of_shards(made)[1].split() == ["users", "with", "text", "ids", "417", "417"]
    assert numbers_of(store) == before
    assert UNKNOWN not in before[0]
    assert store.directory.ids_of(before[0]) == TEXTS
    assert store.mapped.ids_of(before[1]) == DIALLED
    assert store.quotas.amounts().text_ids == len(TEXTS)
    assert client.get(keys.LAYOUT) == b"6 segment_bits=1048448 id_shards=64 zone=UTC"
    assert dict(wrong_keys(client)) == {}
    left = set(client.scan_iter(f"{keys.prefix}seen:{{users}}:*"))
    assert left == {keys.next_number("users").encode()}


def test_new_ids_get_numbers_above_all_those_given(old: Store, client: Redis) -> None:
    given = old.directory.coming(["new"]).start
    shard_directories(old)
    store = Store.on(client)

    new = [f"new{number}" for number in range(500)]
    numbers = store.directory.number_users(new)

    assert len(set(numbers)) == len(new)
    assert given <= min(numbers)
    assert max(numbers) < given + BUCKET * (64 + 64 * 2)
    assert store.directory.ids_of(numbers) == new
    assert store.mapped.number_users(DIALLED) == list(range(len(DIALLED)))


def test_a_user_from_before_is_erased_from_everything(old: Store, client: Redis) -> None:
    shard_directories(old)
    store = Store.on(client)
    site, number = site_on(store), store.directory.number_of(UUIDS[5])
    assert number is not None

    erased = erase(site, UUIDS[5])

    assert (erased.numbers, erased.flags, erased.events) == (1, {"staff"}, {"opened"})
    assert store.directory.ids_of([number]) == [None]
    assert store.directory.erasing() == []
    assert flag.count(site, "staff") == 37
    record(store, [UUIDS[5]], "opened", at=real_now())
    assert store.directory.number_of(UUIDS[5]) != number
    period = site.calendar.period_at(ALL_TIME.granularity, real_now())
    assert counts.count(site, "opened", period) == len(UUIDS) + len(MAILS) - len(ERASED)


def test_a_dry_run_counts_the_same_and_changes_nothing(old: Store, client: Redis) -> None:
    before = everything(client)

    made = shard_directories(old, dry_run=True)

    assert made.before == {"users with text ids": 417, "users with mapped ids": 90}
    assert lines_of_shards(made)[-1] == "nothing was changed"
    assert everything(client) == before


def test_what_was_cut_is_not_cut_again(old: Store, client: Redis) -> None:
    shard_directories(old)
    migrate(old)  # on a cluster, the indexes of tasks as well
    before = everything(client)

    assert lines_of_shards(shard_directories(old)) == [
        "the directories are in shards already: there is nothing to do"
    ]
    assert migrate(old).found == 6
    assert everything(client) == before


@pytest.mark.parametrize("tasks_first", [True, False])
def test_tasks_and_directories_are_moved_in_either_order(
    lasting_cluster: tuple[Redis, Store], *, tasks_first: bool
) -> None:
    client = lasting_cluster[0]
    client.flushall()
    load_old_store(client, LAYOUT_5)
    store, moves = Store.on(client), [migrate, shard_directories]

    for move in moves if tasks_first else reversed(moves):
        move(store)

    moved = Store.on(client)
    refuse_unfit(moved, "amqp://broker")
    assert client.get(keys.LAYOUT) == b"tasks-in-shards 6 segment_bits=1048448 id_shards=64 zone=UTC"
    assert moved.quotas.amounts().text_ids == len(TEXTS)
    client.flushall()


def test_a_move_of_tasks_that_has_not_ended_comes_first(lasting_cluster: tuple[Redis, Store]) -> None:
    client = lasting_cluster[0]
    client.flushall()
    client.set(keys.LAYOUT, "sharding-tasks 5 segment_bits=1048448 zone=UTC")

    with pytest.raises(Conflict, match="run `donebit migrate`, which completes it"):
        shard_directories(Store.on(client))

    client.flushall()


def test_a_service_that_still_runs_gives_no_number(old: Store, client: Redis) -> None:
    running = Store.on(client)
    running.directory.number_of("whoever")  # it has asked for the layout

    shard_directories(old)

    with pytest.raises(ValueError, match="cut"):
        running.directory.number_users(["new"])
    assert Store.on(client).directory.number_of("new") is None


def test_a_store_of_an_earlier_layout_is_migrated_first() -> None:
    with on_fakeredis(LAYOUT_4) as client:
        with pytest.raises(Conflict, match="run `donebit migrate` first"):
            shard_directories(Store.on(client))

        assert lines_of_shards(shard_directories(Store.on(FakeRedis(version=(7, 0))))) == [
            "this Redis holds no visits: there is nothing to do"
        ]


@pytest.fixture(scope="module")
def at_once() -> Iterator[dict[bytes, object]]:
    """What is left where nothing interrupts."""
    with on_fakeredis(LAYOUT_5) as client:
        shard_directories(Store.on(client))
        yield without_times(client)


def without_times(client: Redis) -> dict[bytes, object]:
    """Every key but those with a time that is counted from when the store was put on the server."""
    return {key: held for key, held in everything(client).items() if not key.endswith(b":periods")}


@pytest.mark.parametrize("calls", [2, 3, 4, 5, 6, 7, 10, 12, 15, 17, 18, 20, 22])
def test_cut_off_at_any_point_it_goes_on_with_the_rest(
    monkeypatch: pytest.MonkeyPatch, at_once: dict[bytes, object], calls: int
) -> None:
    monkeypatch.setattr(directories_into_shards, "BUCKETS_A_CALL", 5)
    with on_fakeredis(LAYOUT_5) as client:
        with monkeypatch.context() as patched:
            cut_off_after(patched, calls)
            with pytest.raises(StoreUnavailable):
                shard_directories(Store.on(client))
            with pytest.raises(ConfigurationError, match="--shard-directories` again"):
                refuse_unfit(Store.on(client))
            with pytest.raises(Conflict, match="--shard-directories` again"):
                migrate(Store.on(client))

        shard_directories(Store.on(client))

        assert without_times(client) == at_once


def cut_off_after(patched: pytest.MonkeyPatch, calls: int) -> None:
    """Lose the server after so many pipelines, and in the middle of the next one."""
    left, real = [calls], pipelining.answers_to

    def answers_to(client: Redis, commands: list[Any]) -> list[Any]:
        left[0] -= 1
        if left[0] < 0:
            real(client, commands[: len(commands) // 2])
            raise StoreUnavailable("cut off")
        return real(client, commands)

    patched.setattr(directory_cutting, "answers_to", answers_to)
