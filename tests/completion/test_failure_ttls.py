"""How long what failures leave on the server stays there, and that a task without any does not pay for it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from redis import Redis

from donebit import clock
from donebit.completion import announcing, failing, lifecycle, reporting, resuming
from donebit.completion.failing import ChosenSteps
from donebit.completion.state import State
from donebit.completion.task import Task
from donebit.completion.ttls import TaskTtls
from donebit.store import Store, keys
from donebit.store.tasks import TaskStore
from tests.completion.arranged import life_left, now, start
from tests.conftest import keys_without_ttl

LIVES = TaskTtls(open=timedelta(days=5), ended=timedelta(hours=6))


def start_failing(store: Store) -> Task:
    task = start(store, ttls=LIVES)
    failing.fail(store, task.id, 0, "boom")
    return task


def lives_left(client: Redis, task: Task) -> list[timedelta]:
    return [life_left(client, key) for key in keys.of_failures(task.id)]


def test_failures_live_as_long_as_their_open_task(store: Store, client: Redis) -> None:
    task = start_failing(store)

    assert all(timedelta(days=4) < life <= LIVES.open for life in lives_left(client, task))


def test_the_sweep_renews_the_life_of_failures(store: Store, client: Redis) -> None:
    task = start_failing(store)
    for key in keys.of_failures(task.id):
        client.pexpire(key, timedelta(hours=1))

    store.tasks.take_probe(task.id, now_ms=clock.now_ms(), limit=5, looks_apart=timedelta(seconds=4))

    assert all(life > timedelta(days=4) for life in lives_left(client, task))


def test_failures_that_end_the_task_live_as_long_as_its_tombstone(store: Store, client: Redis) -> None:
    task = start_failing(store)

    for step in (1, 2):
        failing.fail(store, task.id, step, "boom")
    announcing.announce(store, task.id)

    assert all(timedelta(0) < life <= LIVES.ended for life in lives_left(client, task))


def test_failures_that_a_retry_leaves_live_as_long_as_the_open_task(store: Store, client: Redis) -> None:
    task = start_failing(store)
    for step in (1, 2):
        failing.fail(store, task.id, step, "boom")
    announcing.announce(store, task.id)

    resuming.retry(store, task.id, ChosenSteps([1]), LIVES)

    assert all(timedelta(days=4) < life <= LIVES.open for life in lives_left(client, task))


@pytest.mark.parametrize("state", [State.DONE, State.CANCELLED])
def test_the_announcement_shortens_the_life_of_failures(store: Store, client: Redis, state: State) -> None:
    task = start_failing(store)
    if state is State.DONE:
        reporting.report(store, task.id, [0, 1, 2])
    else:
        lifecycle.cancel(store, task.id)

    announcing.announce(store, task.id, lambda _: None)

    assert now(store, task).state is state
    assert all(life <= LIVES.ended for life in lives_left(client, task))
    assert keys_without_ttl(client) == set()


def test_an_attempt_counted_before_it_is_made_has_a_life(store: Store, client: Redis) -> None:
    task = start(store, ttls=LIVES)

    counted = store.failures.begin_attempt(task.id, task.nonce, 0, max_attempts=3)

    assert counted == 1
    assert keys_without_ttl(client) == set()


def test_an_attempt_at_a_step_of_a_task_that_is_gone_leaves_no_key(store: Store, client: Redis) -> None:
    task = start(store)
    lifecycle.delete(store, task.id)

    counted = store.failures.begin_attempt(task.id, task.nonce, 0, max_attempts=3)

    assert counted == 0
    assert not client.exists(*keys.of_failures(task.id))


@pytest.mark.parametrize(("failures", "keys_sent"), [(0, [2]), (1, [2, 4])])
def test_only_a_task_with_failures_pays_for_their_keys(
    store: Store, monkeypatch: pytest.MonkeyPatch, failures: int, keys_sent: list[int]
) -> None:
    task = start(store)
    for step in range(failures):
        failing.fail(store, task.id, step, "boom")
    sent: list[int] = []
    run = TaskStore._run

    def counting(tasks: TaskStore, name: str, names: list[str], args: list[str | int]) -> object:
        sent.append(len(names))
        return run(tasks, name, names, args)

    monkeypatch.setattr(TaskStore, "_run", counting)
    reporting.report(store, task.id, [2])

    assert sent == keys_sent
