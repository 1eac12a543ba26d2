"""The indexes of all tasks in shards: read as one, and known for what they are."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import NamedTuple, cast

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from redis import Redis

from donebit.activity.events import ingest
from donebit.errors import ConfigurationError
from donebit.store import Store, keys
from donebit.store.chords import ChordStore
from donebit.store.deliveries import Name
from donebit.store.key_names_of_tasks import shard_of_tasks
from donebit.store.layout import TASKS_IN_SHARDS, LayoutVersion
from donebit.store.slots import SLOTS, slot_of
from donebit.store.store import refuse_unfit
from donebit.store.task_shards import OF_A_CLUSTER, TaskShards
from tests.activity.arranged import real_now, site_on
from tests.servers import RunningServer

DAY = timedelta(days=1)
NODES = 3


def together(count: int) -> list[str]:
    """Ids of tasks that are all in one shard, so that it has more than its share."""
    names = (f"same-{number}" for number in range(count * 100))
    first = shard_of_tasks("", b"same-0", OF_A_CLUSTER)
    return [one for one in names if shard_of_tasks("", one.encode(), OF_A_CLUSTER) == first][:count]


IDS = [*together(12), *(f"task-{number}" for number in range(20))]
TIMES = st.integers(0, 5)  # few: tasks of one moment stand in the order of their ids


class Entries(NamedTuple):
    """What is entered, in turn, and what becomes of it."""

    started: dict[str, tuple[int, int]]  # when each was created, and is looked at
    again: dict[str, int]  # looked at at another time
    closed: set[str]
    gone: set[str]

    @property
    def opened(self) -> dict[str, int]:
        """The open tasks, by when they are looked at."""
        looks = {one: look for one, (_, look) in self.started.items()} | {
            one: at for one, at in self.again.items() if one in self.started
        }
        return {one: at for one, at in looks.items() if one not in self.closed | self.gone}

    @property
    def listed(self) -> dict[str, int]:
        """The listed tasks, by when they were created."""
        return {one: created for one, (created, _) in self.started.items() if one not in self.gone}


SOME = st.sets(st.sampled_from(IDS), max_size=8)
ENTRIES = st.builds(
    Entries,
    st.dictionaries(st.sampled_from(IDS), st.tuples(TIMES, TIMES)),
    st.dictionaries(st.sampled_from(IDS), TIMES, max_size=8),
    SOME,
    SOME,
)


def enter(client: Redis, store: Store, entries: Entries) -> None:
    client.flushall()
    for one, (created, look) in entries.started.items():
        store.task_index.index_task(one, created, look, DAY)
    for one, at in entries.again.items():
        store.task_index.look_again(one, at)
    for one in entries.closed & entries.started.keys():
        next_look = store.task_index.next_look(one)
        assert next_look is not None
        assert not store.task_index.close_task(one, next_look + 1)
        assert store.task_index.close_task(one, next_look)
    for one in entries.gone:
        store.task_index.unindex_task(one)


def text(client: Redis, name: str) -> str:
    return cast(bytes, client.get(name)).decode()


def in_order(found: dict[str, int]) -> list[tuple[int, str]]:
    return sorted((at, one) for one, at in found.items())


CROWDED = Entries(dict.fromkeys(IDS[:12], (1, 1)), {}, set(), set())  # all of one shard


@given(entries=ENTRIES, limit=st.integers(1, 12), since=TIMES, until=TIMES)
@example(entries=CROWDED, limit=12, since=0, until=5)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_shards_are_read_as_one_index(
    lasting: tuple[Redis, Store], entries: Entries, limit: int, since: int, until: int
) -> None:
    client, store = lasting
    enter(client, store, entries)
    index, opened, listed = store.task_index, entries.opened, entries.listed

    assert index.sizes() == (len(opened), len(listed))
    due = [one for at, one in in_order(opened) if at <= until]
    assert index.open_tasks(until, limit) == due[:limit]
    newest = [(one, at) for at, one in reversed(in_order(listed)) if since <= at <= until]
    assert index.newest(until, limit, since) == newest[:limit]
    new = {one for one, created in listed.items() if created >= since}
    assert index.open_and_new(since) == (set(opened), new)
    assert set(index.sample(until, 1000)) == {one for one, created in listed.items() if created <= until}
    assert {one: index.next_look(one) for one in IDS} == {one: opened.get(one) for one in IDS}
    assert store.quotas.amounts().open_tasks == store.workers.read_reports([], 0, 0).open_tasks == len(opened)


@given(entries=ENTRIES, limit=st.integers(1, 12), until=TIMES)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_deliveries_in_shards_are_due_as_those_of_one_index(
    lasting: tuple[Redis, Store], entries: Entries, limit: int, until: int
) -> None:
    client, store = lasting
    client.flushall()
    pending = {Name(one, 1, "done", "webhook"): look for one, (_, look) in entries.started.items()}
    with client.pipeline(transaction=False) as pipe:
        for name, at in pending.items():
            index = store.task_shards.key(keys.pending("webhook"), name.task_id)
            pipe.zadd(index, {name.member: at})
            pipe.expire(index, DAY)
        pipe.execute()

    due = sorted((at, name.member) for name, at in pending.items() if at <= until)
    assert [name.member for name in store.deliveries.due("webhook", until, limit)] == [
        member for _, member in due[:limit]
    ]
    assert store.deliveries.pending_counts() == {"webhook": len(pending), "callback": 0, "then": 0}


def test_the_open_tasks_of_a_token_are_those_that_any_shard_has(lasting: tuple[Redis, Store]) -> None:
    client, store = lasting
    names = [f"task-{number}" for number in range(20)]
    for name in names:
        store.begun.note("one", "open_tasks", name)
    for name in names[:15]:
        store.task_index.index_task(name, 1, 2, DAY)

    assert store.begun.count("one", "open_tasks") == 20
    assert store.begun.forget_gone("one", "open_tasks") == 15
    assert client.smembers(keys.begun_by("one", "open_tasks")) == {name.encode() for name in names[:15]}


def test_one_server_has_the_keys_that_it_had(real_client: Redis, real_store: Store) -> None:
    real_store.task_index.index_task("a", 1, 2, DAY)

    assert set(real_client.scan_iter()) == {keys.OPEN_TASKS.encode(), keys.ALL_TASKS.encode()}


def test_a_new_store_on_a_cluster_is_marked_and_has_its_tasks_on_all_nodes(on_cluster: Redis) -> None:
    store = Store.on(on_cluster)
    for number in range(300):
        store.task_index.index_task(f"task-{number}", number, number, DAY)

    assert on_cluster.get(keys.LAYOUT) == TASKS_IN_SHARDS.encode()
    assert on_cluster.get(keys.TASK_SHARDS) == str(OF_A_CLUSTER).encode()
    names = {name.decode() for name in on_cluster.scan_iter()} - {keys.LAYOUT, keys.TASK_SHARDS}
    assert names == {
        shard for index in (keys.OPEN_TASKS, keys.ALL_TASKS) for shard in store.task_shards.keys(index)
    }
    assert max(on_cluster.zcard(name) for name in names) <= 2 * 300 / OF_A_CLUSTER
    nodes = Counter(slot_of(shard) * NODES // SLOTS for shard in store.task_shards.keys(keys.ALL_TASKS))
    assert max(nodes.values()) / OF_A_CLUSTER <= 0.45


def test_all_entries_of_a_task_are_in_one_slot() -> None:
    assert len({slot_of(shard_of_tasks(index, b"a", OF_A_CLUSTER)) for index in keys.of_all_tasks()}) == 1


def test_tasks_stay_in_the_shards_that_they_were_in_with_the_first_release() -> None:
    ids = (b"a", b"nightly-2026.11.29", b"0194f2a1-7c3e-7b52-9d06-5f4e3a2b1c00")

    assert [shard_of_tasks("done:open", one, OF_A_CLUSTER) for one in ids] == [
        "done:open:{3}",
        "done:open:{7}",
        "done:open:{5}",
    ]


@pytest.mark.parametrize("there", keys.unsharded())
def test_a_store_that_was_on_a_cluster_before_stays_as_it_is(on_cluster: Redis, there: str) -> None:
    on_cluster.zadd(there, {"a": 1})

    Store.on(on_cluster).task_index.index_task("b", 1, 1, DAY)

    assert on_cluster.zrange(keys.ALL_TASKS, 0, -1)[-1:] == [b"b"]
    assert on_cluster.get(keys.TASK_SHARDS) == b"1"
    assert not on_cluster.exists(keys.LAYOUT)  # releases before this one still take it


def test_how_many_there_are_is_decided_once(on_cluster: Redis) -> None:
    """The tasks of the first process may all be gone when the next begins."""
    on_cluster.zadd(keys.ALL_TASKS, {"a": 1})
    first = Store.on(on_cluster).task_shards.count
    on_cluster.delete(keys.ALL_TASKS)

    assert (first, Store.on(on_cluster).task_shards.count) == (1, 1)


def test_what_another_process_has_decided_meanwhile_counts(
    on_cluster: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other_was_first(_: TaskShards) -> bool:
        return bool(on_cluster.set(keys.TASK_SHARDS, 1))

    monkeypatch.setattr(TaskShards, "_is_new", other_was_first)

    assert Store.on(on_cluster).task_shards.count == 1
    assert on_cluster.get(keys.TASK_SHARDS) == b"1"


def test_processes_that_begin_at_once_agree(on_cluster: Redis) -> None:
    with ThreadPoolExecutor(8) as threads:
        stores = [Store.on(on_cluster) for _ in range(8)]
        counts = set(threads.map(lambda store: store.task_shards.count, stores))

    assert counts == {OF_A_CLUSTER}


def test_keys_copied_from_a_cluster_to_one_server_stay_in_shards(
    real_client: Redis, real_store: Store, valkey: RunningServer
) -> None:
    real_client.set(keys.TASK_SHARDS, 16)
    real_client.set(keys.LAYOUT, TASKS_IN_SHARDS)

    real_store.task_index.index_task("a", 1, 2, DAY)

    refuse_unfit(real_store)
    assert real_store.task_index.sizes() == (1, 1)
    assert real_client.zscore(shard_of_tasks(keys.ALL_TASKS, b"a", 16), "a") == 1
    with pytest.raises(ConfigurationError, match="keys copied from one"):
        ChordStore.over(valkey.client, keys.prefix)


def test_a_store_that_begins_with_a_visit_is_new_too(on_cluster: Redis) -> None:
    now = real_now()
    ingest.record(site_on(Store.on(on_cluster)), "opened", [1], at=now, now=now)

    assert Store.on(on_cluster).task_shards.count == OF_A_CLUSTER
    assert text(on_cluster, keys.LAYOUT).startswith(f"{TASKS_IN_SHARDS} {LayoutVersion.SHARDED:d} ")


def test_the_first_visit_writes_the_layout_after_the_mark(on_cluster: Redis) -> None:
    store = Store.on(on_cluster)
    store.task_index.index_task("a", 1, 1, DAY)
    store.activity_layout.refuse_other("UTC")  # there is nothing yet that days could differ from

    store.activity_layout.check("UTC")

    refuse_unfit(store, "amqp://broker")
    mark, *layout = text(on_cluster, keys.LAYOUT).split()
    assert (mark, layout[0], layout[-1]) == (TASKS_IN_SHARDS, str(LayoutVersion.SHARDED.value), "zone=UTC")
    for check in ("check", "refuse_other"):
        with pytest.raises(ConfigurationError, match="set ZONE as it was"):
            getattr(Store.on(on_cluster).activity_layout, check)("Europe/Berlin")


def test_zone_rules_are_kept_anew_until_the_first_visit(on_cluster: Redis) -> None:
    store = Store.on(on_cluster)
    store.task_index.index_task("a", 1, 1, DAY)
    store.activity_layout.keep_zone_rules("Europe/Berlin")
    store.activity_layout.keep_zone_rules("Asia/Tokyo")

    assert text(on_cluster, keys.ZONE_RULES).startswith("Asia/Tokyo ")
