"""A cluster's store with each index of all tasks in one key, as the commit before wrote it, gets shards."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis, exceptions

from donebit import clock
from donebit.backup.taking import take_backup
from donebit.command_line.migrate import lines_of
from donebit.completion.listing import Filter, list_tasks
from donebit.errors import ConfigurationError, Conflict, StoreUnavailable
from donebit.migration.run import migrate
from donebit.migration.tasks_into_shards import move_into_shards
from donebit.store import Store, keys, moving
from donebit.store.key_names_of_tasks import KINDS
from donebit.store.server_client import RoutedPipeline, ServerClient
from donebit.store.store import refuse_unfit
from donebit.store.task_shards import OF_A_CLUSTER
from tests.completion.arranged import life_left, start
from tests.conftest import everything, wrong_keys
from tests.migration.old_store import UNSHARDED, load_old_store

BROKER = "amqp://broker"


@pytest.fixture
def client(on_cluster: Redis) -> Redis:
    load_old_store(on_cluster, UNSHARDED)
    return on_cluster


def shown(store: Store) -> object:
    """What is read of the indexes: each page of the list, what is due, and how much there is."""
    page = list_tasks(store, Filter(), limit=7)
    pages = [[task.id for task in page.tasks]]
    while page.next:
        page = list_tasks(store, Filter(), limit=7, cursor=page.next)
        pages.append([task.id for task in page.tasks])
    due = {kind: store.deliveries.due(kind, clock.now_ms(), 100) for kind in KINDS}
    return pages, store.task_index.open_tasks(2**53, 100), due, store.task_index.sizes()


def test_an_old_store_is_used_as_it_is_until_it_is_moved(client: Redis) -> None:
    before = everything(client)

    refuse_unfit(Store.on(client), BROKER)

    assert Store.on(client).task_index.sizes() == (50, 60)
    assert everything(client) == before | {keys.TASK_SHARDS.encode(): b"1"}


def test_all_that_is_read_is_the_same_afterwards(client: Redis) -> None:
    before = shown(Store.on(client))

    made = migrate(Store.on(client))

    store = Store.on(client)
    refuse_unfit(store, BROKER)
    assert store.task_shards.count == OF_A_CLUSTER
    assert shown(store) == before
    assert (made.found, made.sharded, made.keys, made.after) == (5, 170, 0, made.before)
    assert lines_of(made, dry_run=False)[-1] == "170 entries of the indexes of tasks were moved into shards"
    assert not any(map(client.exists, keys.of_all_tasks()))
    assert dict(wrong_keys(client)) == {}


def test_the_layout_of_visits_and_lives_stay_as_they_were(client: Redis) -> None:
    migrate(Store.on(client))

    store = Store.on(client)
    store.activity_layout.check("UTC")
    with pytest.raises(ConfigurationError, match="set ZONE as it was"):
        Store.on(client).activity_layout.check("Europe/Berlin")
    assert life_left(client, store.task_shards.key(keys.ALL_TASKS, "done-1")) > timedelta(days=29)
    assert store.task_index.sizes() == (50, 60)
    start(store, task_id="another")
    assert store.task_index.sizes() == (51, 61)


def test_a_dry_run_counts_and_changes_nothing(client: Redis) -> None:
    before = everything(client)

    made = migrate(Store.on(client), dry_run=True)

    assert (made.sharded, made.before["tasks"], made.after) == (170, 60, {})
    assert lines_of(made, dry_run=True)[-1] == (
        "170 entries of the indexes of tasks would be moved into shards"
    )
    assert everything(client) == before


def test_a_second_run_finds_nothing_to_do(client: Redis) -> None:
    migrate(Store.on(client))
    before = everything(client)

    assert migrate(Store.on(client)).before == {}
    assert everything(client) == before


def test_a_new_store_has_nothing_to_move(client: Redis) -> None:
    client.flushall()
    assert migrate(Store.on(client)).before == {}
    start(Store.on(client))

    assert migrate(Store.on(client)).before == {}


def test_one_server_keeps_its_keys(real_client: Redis, real_store: Store) -> None:
    load_old_store(real_client, UNSHARDED)
    before = everything(real_client)

    assert migrate(real_store).before == {}
    assert everything(real_client) == before


def test_a_worker_that_is_alive_is_refused(client: Redis) -> None:
    Store.on(client).heartbeats.beat("worker", Store.on(client).mover.now_ms())

    with pytest.raises(Conflict, match="a worker or the sweep was seen"):
        migrate(Store.on(client))


def cut_off(patched: pytest.MonkeyPatch, calls: int) -> None:
    """Lose the cluster before so many calls are over."""
    left = [calls]

    def counted(real: Any) -> Any:
        def one(*args: Any, **named: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise exceptions.ConnectionError("cut off")
            return real(*args, **named)

        return one

    for owner, method in ((ServerClient, "execute_command"), (RoutedPipeline, "execute")):
        patched.setattr(owner, method, counted(getattr(owner, method)))


# Before the mark, among the entries of each index, and between the last words: there are 66 calls in all.
@pytest.mark.parametrize("calls", [0, 1, 3, 5, 14, 33, 41, 60, 63, 65])
def test_cut_off_anywhere_it_goes_on_with_the_rest(
    client: Redis, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    before = shown(Store.on(client))
    monkeypatch.setattr(moving, "KEYS_A_PAGE", 16)
    store = Store.on(client)
    with monkeypatch.context() as patched:
        cut_off(patched, calls)
        with pytest.raises(StoreUnavailable):
            move_into_shards(store, dry_run=False)
    if calls > 1:
        with pytest.raises(ConfigurationError, match="run `donebit migrate`, which completes it"):
            refuse_unfit(Store.on(client), BROKER)
        with pytest.raises(Conflict, match="run `donebit migrate`, which completes it"):
            take_backup(Store.on(client), Path("nowhere"), "1")

    migrate(Store.on(client))

    assert shown(Store.on(client)) == before
    assert not any(map(client.exists, keys.of_all_tasks()))
    assert dict(wrong_keys(client)) == {}
