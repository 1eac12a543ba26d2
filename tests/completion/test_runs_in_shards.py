"""The past runs of a job on a cluster: in the shards of their tasks, and read as those of one key."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from redis import Redis

from donebit import clock
from donebit.store import Store, keys
from donebit.store.history import RUN, StoredRun
from donebit.store.slots import SLOTS, slot_of
from donebit.store.task_shards import OF_A_CLUSTER
from tests.conftest import keys_in_use

NODES = 3
TASKS = [f"task-{number}" for number in range(12)]
DAY = timedelta(days=1)
ENDS = st.lists(st.tuples(st.sampled_from(TASKS), st.integers(0, 2)), max_size=40)
AT_ONCE = [(task_id, 0) for task_id in TASKS * 2]


def keep(client: Redis, store: Store, ends: list[tuple[str, int]]) -> list[bytes]:
    """Keep a run of each task in turn, so many ms after the one before: streams give the same ids."""
    client.flushall()
    ms, texts = 1, list[bytes]()
    for task_id, later in ends:
        ms += later
        texts.append(b"%s %d" % (task_id.encode(), len(texts)))
        fields: Any = {RUN: texts[-1]}
        client.xadd(store.history.key("a", task_id), fields, id=f"{ms}-*")
    return texts


def pages(store: Store, size: int) -> list[StoredRun]:
    """All runs, so many at a time."""
    found = page = store.history.runs("a", size)
    while page:
        page = store.history.runs("a", size, before=page[-1].id)
        assert not set(page) & set(found)  # or there would be pages without end
        found += page
    return found


@given(ends=ENDS, size=st.integers(1, 9))
@example(ends=AT_ONCE, size=1)
@example(ends=AT_ONCE, size=5)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_every_run_is_on_one_page_the_newest_first(
    lasting: tuple[Redis, Store], ends: list[tuple[str, int]], size: int
) -> None:
    client, store = lasting
    texts = keep(client, store, ends)

    found = pages(store, size)

    assert Counter(one.text for one in found) == Counter(texts)
    places = [one.place for one in found]
    assert places == sorted(places, reverse=True)
    assert len(set(map(tuple, places))) == len(places)
    ((count, newest),) = store.history.newest_runs(["a"])
    assert (count, newest) == (len(ends), found[0] if found else None)
    if store.task_shards.count == 1:
        assert [one.text for one in found] == texts[::-1]


def test_no_shard_keeps_runs_that_are_older_than_the_ttl(lasting: tuple[Redis, Store]) -> None:
    _, store = lasting
    keep(*lasting, [(task_id, 1) for task_id in TASKS * 20])  # in 1970

    for task_id in TASKS:
        store.history.append_run("a", task_id, b"new", now_ms=clock.now_ms(), ttl=DAY)

    assert [one.text for one in store.history.runs("a", 500)] == [b"new"] * len(TASKS)


def test_the_runs_of_one_job_are_on_all_nodes(lasting_cluster: tuple[Redis, Store]) -> None:
    client, store = lasting_cluster
    client.flushall()
    for number in range(300):
        store.history.append_run("a", f"task-{number}", b"", now_ms=1, ttl=DAY)

    names = {name.decode() for name in keys_in_use(client)} - {keys.JOBS}
    assert len(names) == OF_A_CLUSTER
    assert max(map(client.xlen, names)) <= 2 * 300 / OF_A_CLUSTER
    nodes = Counter(slot_of(name) * NODES // SLOTS for name in names)
    assert max(nodes.values()) / OF_A_CLUSTER <= 0.45
    client.flushall()
