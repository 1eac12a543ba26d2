"""Past runs of a job: one for each end, as they were, for as long as they are to be kept, in few bytes."""

from __future__ import annotations

import itertools
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from donebit.completion import announcing, failing, history, lifecycle, reporting, resuming
from donebit.completion.history import PastRun, list_runs
from donebit.completion.state import State
from donebit.completion.task import HISTORY_TTL, Task
from donebit.store import Store, keys
from donebit.store.client import scripts_of
from tests.completion.arranged import BYTE_BORDERS, TTLS, now, start
from tests.losing_way import losing_way_to
from tests.servers import RunningServer


def end(store: Store, task: Task, failed: set[int], done: set[int]) -> None:
    for step in failed:
        failing.fail(store, task.id, step, "no")
    if done:
        reporting.report(store, task.id, sorted(done))
    if not now(store, task).ended:
        lifecycle.cancel(store, task.id)
    announcing.announce(store, task.id)


def runs(store: Store, job: str = "a") -> list[PastRun]:
    return list_runs(store, job, limit=100).runs


def cell(steps: range, failed: set[int], done: set[int]) -> str:
    if failed & set(steps):
        return "f"
    return "d" if set(steps) <= done else "p" if done & set(steps) else "m"


@given(
    count=st.sampled_from([*BYTE_BORDERS, 128, 200]),
    failed=st.sets(st.integers(0, 199), max_size=20),
    done=st.sets(st.integers(0, 199)),
    whole=st.booleans(),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_run_is_kept_as_it_ended(
    real_store: Store, count: int, failed: set[int], done: set[int], whole: bool
) -> None:
    job = uuid.uuid4().hex  # of this example alone
    failed = {step for step in failed if step < count}
    done = (set(range(count)) if whole else {step for step in done if step < count}) - failed
    task = start(real_store, count, job=job)

    end(real_store, task, failed, done)

    (run,) = runs(real_store, job)
    ended, cells = now(real_store, task), min(count, 64)
    edges = [count * one // cells for one in range(cells + 1)]
    ranges = [range(a, b) for a, b in itertools.pairwise(edges)]
    assert run.strip == "".join(cell(steps, failed, done) for steps in ranges)
    assert (run.task_id, run.run, run.end) == (task.id, 1, ended.state)
    assert (run.count, run.done_steps, run.failed_steps) == (count, len(done), len(failed))
    assert (run.started_at, run.ended_at) == (ended.run_started_at, ended.ended_at)


def test_each_end_of_a_task_is_a_run_of_its_job(store: Store) -> None:
    task = start(store, 2, job="a")
    lifecycle.cancel(store, task.id)
    announcing.announce(store, task.id)
    resuming.resume(store, task.id, TTLS)
    end(store, task, set(), {0, 1})

    assert [(one.run, one.end) for one in runs(store)] == [(2, State.DONE), (1, State.CANCELLED)]


def test_a_resumed_task_began_again_in_its_next_run(store: Store) -> None:
    task = start(store, 2, job="a")
    lifecycle.cancel(store, task.id)
    announcing.announce(store, task.id)
    first = now(store, task)
    resuming.resume(store, task.id, TTLS)
    end(store, task, set(), {0, 1})
    second = now(store, task)

    found = [(one.started_at, one.ended_at, one.took) for one in runs(store)]

    assert found == [
        (second.run_started_at, second.ended_at, second.took),
        (first.created_at, first.ended_at, first.took),
    ]


def test_an_end_announced_twice_at_once_is_one_run(store: Store) -> None:
    task = start(store, 1, job="a")
    reporting.report(store, task.id, [0])

    def announce_too(_: Task) -> None:
        assert announcing.announce(store, task.id, lease=timedelta(0))

    announcing.announce(store, task.id, announce_too)

    assert len(runs(store)) == 1


def test_a_task_without_a_job_leaves_no_run(store: Store, client: Redis) -> None:
    end(store, start(store, 1), set(), {0})

    assert store.history.jobs() == []
    assert list(client.scan_iter("donebit:job:*")) == []


def test_a_task_without_steps_is_a_run_too(store: Store) -> None:
    task = start(store, 0, job="a")

    announcing.announce(store, task.id)

    assert [(one.count, one.strip) for one in runs(store)] == [(0, "")]


def test_runs_come_in_pages(store: Store) -> None:
    tasks = [start(store, 1, job="a") for _ in range(5)]
    for task in tasks:
        end(store, task, set(), {0})

    first = list_runs(store, "a", limit=2)
    second = list_runs(store, "a", limit=2, before=first.next)
    third = list_runs(store, "a", limit=2, before=second.next)

    found = [one.task_id for page in (first, second, third) for one in page.runs]
    assert found == [task.id for task in reversed(tasks)]
    assert third.next is None


def test_jobs_are_listed_with_their_last_runs(store: Store) -> None:
    for job in ("b", "a", "b"):
        task = start(store, 1, job=job)
        end(store, task, set(), {0})

    found = history.list_jobs(store, ["c", "a"])

    assert [(one.job, one.runs) for one in found] == [("a", 1), ("b", 2), ("c", 0)]
    assert (found[1].last and found[1].last.task_id, found[2].last) == (task.id, None)


@pytest.mark.parametrize("ttl", [HISTORY_TTL, timedelta(hours=1)])
def test_runs_are_kept_for_as_long_as_set(store: Store, client: Redis, ttl: timedelta) -> None:
    task = start(store, 1, job="a", ttls=replace(TTLS, history=ttl))

    end(store, task, set(), {0})

    for name in (store.history.key("a", task.id), keys.JOBS):
        assert ttl - timedelta(minutes=1) < timedelta(milliseconds=client.pttl(name)) <= ttl


def test_older_runs_make_room(store: Store, client: Redis) -> None:
    old = start(store, 1, job="old")
    end(store, old, set(), {0})
    task = start(store, 1, job="a")
    name = store.history.key("a", task.id)
    for ms in range(1, 1051):
        client.xadd(name, {"r": "x"}, id=f"{ms}-0")
    client.zadd(keys.JOBS, {"old": 1})

    end(store, task, set(), {0})

    assert client.xlen(name) == 1
    assert store.history.jobs() == ["a"]


def test_a_run_takes_less_than_200_bytes(real_store: Store, real_client: Redis) -> None:
    task = start(real_store, 10_000_000, job="a", task_id="x" * 20)
    end(real_store, task, {7, 5_000_000}, set(range(0, 9_000_000, 1_000_003)))
    ended = now(real_store, task)
    entry = history.as_entry(real_store, ended)

    for ms in range(5000):
        real_client.xadd(keys.runs("many"), {"r": entry}, id=f"{ms + 1}-0")
    real_client.expire(keys.runs("many"), 100)

    assert runs(real_store)[0].strip.count("f") == 2
    size = real_client.memory_usage(keys.runs("many"), samples=0)
    assert size
    assert size / 5000 < 200


def test_what_another_version_wrote_is_passed_over(store: Store, client: Redis) -> None:
    task = start(store, 1, job="a")
    end(store, task, set(), {0})
    for text in ("", "x", "a z 1 1 1 0 0 0", "a d 1 1 one 0 0 0"):
        client.xadd(store.history.key("a", task.id), {"r": text})

    assert len(runs(store)) == 1


def test_an_end_whose_run_cannot_be_kept_is_announced(valkey: RunningServer, real_store: Store) -> None:
    task = start(real_store, 1, job="a")
    reporting.report(real_store, task.id, [0])
    assert scripts_of(valkey.client)
    with losing_way_to(valkey.port) as way:
        way.lose("XADD")

        assert announcing.announce(Store.at(way.url), task.id)

    assert now(real_store, task).announced_at
