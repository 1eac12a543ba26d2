"""A task goes as ended tasks do once its ends are delivered, and not before."""

from __future__ import annotations

from typing import Any

import pytest
from redis import Redis

from donebit.completion import deliveries, reporting, resuming
from donebit.completion.announcing import announce
from donebit.completion.delivery import RETRY_FOR
from donebit.completion.redelivery import redeliver
from donebit.completion.task import Task
from donebit.store import Store, keys
from tests.completion.arranged import TTLS, life_left, now
from tests.completion.test_deliveries import start_failed, start_owed, take


def settle_both_ends(store: Store, *, earlier_last: bool) -> Task:
    """A task that failed and was done after all, whose two ends are delivered."""
    task = start_failed(store)
    announce(store, task.id, lambda _: None)
    resuming.resume(store, task.id, TTLS)
    taken = [take(store)]
    reporting.report(store, task.id, [0])
    announce(store, task.id, lambda _: None)
    taken.append(take(store))
    for one in reversed(taken) if earlier_last else taken:
        deliveries.record_delivered(store, one, "answered 204")
    return now(store, task)


@pytest.mark.parametrize("earlier_last", [False, True])
def test_a_task_goes_in_time_whichever_of_its_ends_is_delivered_last(
    store: Store, client: Redis, earlier_last: bool
) -> None:
    task = settle_both_ends(store, earlier_last=earlier_last)

    for key in (keys.record(task.id), keys.deliveries(task.id)):
        assert life_left(client, key) <= task.ended_ttl


def test_a_task_that_runs_again_is_not_let_go_by_its_earlier_end(store: Store, client: Redis) -> None:
    task = start_failed(store)
    announce(store, task.id, lambda _: None)
    resuming.resume(store, task.id, TTLS)

    deliveries.record_delivered(store, take(store), "answered 204")

    assert life_left(client, keys.record(task.id)) > task.ended_ttl


def test_a_delivery_asked_for_again_meanwhile_keeps_its_task(
    store: Store, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, release = start_owed(store), store.tasks.release_task
    announce(store, task.id, lambda _: None)

    def release_late(*given: Any) -> None:
        redeliver(store, task.id, "webhook")
        release(*given)

    monkeypatch.setattr(store.tasks, "release_task", release_late)
    deliveries.record_delivered(store, take(store), "answered 204")

    assert life_left(client, keys.deliveries(task.id)) > RETRY_FOR
