"""A cluster's store with the past runs of a job in one key, as the commit before wrote it, shows them all."""

from __future__ import annotations

from datetime import datetime

import pytest
from redis import Redis

from donebit.completion import announcing, history, reporting
from donebit.completion.history import list_runs
from donebit.store import Store, keys
from donebit.store.store import refuse_unfit
from tests.completion.arranged import start
from tests.completion.conftest import HandMovedClock, hand_moved_clock
from tests.conftest import wrong_keys
from tests.migration.old_store import RUNS_IN_ONE_KEY, load_old_store

__all__ = ["hand_moved_clock"]

OLD = [f"nightly-{number}" for number in reversed(range(40))]  # of the file, the newest first


@pytest.fixture
def client(on_cluster: Redis) -> Redis:
    load_old_store(on_cluster, RUNS_IN_ONE_KEY)
    return on_cluster


def tasks_of(store: Store, job: str, size: int) -> list[str]:
    """The tasks of all runs of a job, which are read page by page."""
    page = list_runs(store, job, limit=size)
    found = page.runs
    while page.next:
        page = list_runs(store, job, limit=size, before=page.next)
        found += page.runs
    return [run.task_id for run in found]


def test_runs_from_before_the_shards_are_shown_after_newer_ones(
    client: Redis, hand_moved_clock: HandMovedClock
) -> None:
    hand_moved_clock.moment = datetime.fromisoformat(RUNS_IN_ONE_KEY["written_at"])
    hand_moved_clock.forward(minutes=1)  # 30 days later its jobs are forgotten
    store = Store.on(client)
    refuse_unfit(store, "amqp://broker")
    assert tasks_of(store, "nightly", 7) == OLD

    new = [start(store, 1, job="nightly").id for _ in range(9)]
    for task_id in new:
        reporting.report(store, task_id, [0])
        announcing.announce(store, task_id)

    assert tasks_of(store, "nightly", 7) == [*reversed(new), *OLD]
    assert client.xlen(keys.runs("nightly")) == len(OLD)
    found = {one.job: (one.runs, one.last and one.last.task_id) for one in history.list_jobs(store, [])}
    assert found == {"hourly": (5, "hourly-4"), "nightly": (49, new[-1])}
    assert dict(wrong_keys(client)) == {}
