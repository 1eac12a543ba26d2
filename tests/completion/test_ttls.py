"""How long what a task leaves on the server stays there."""

from __future__ import annotations

from datetime import timedelta

import pytest
from redis import Redis

from donebit.completion import deliveries, failing, lifecycle, reporting
from donebit.completion.announcing import announce
from donebit.completion.delivery import RETRY_FOR
from donebit.completion.spec import Webhook
from donebit.completion.state import State
from donebit.completion.task import Task
from donebit.completion.ttls import TaskTtls
from donebit.errors import NotFound
from donebit.store import Store, keys
from tests.completion.arranged import expire, life_left, now, start, start_done
from tests.completion.conftest import HandMovedClock
from tests.conftest import keys_without_ttl

LIVES = TaskTtls(open=timedelta(days=5), ended=timedelta(hours=6))
NEARLY = timedelta(minutes=10)  # more than any test takes


def of_task(task: Task) -> list[str]:
    return [keys.bitmap(task.id), keys.record(task.id)]


def shorten(client: Redis, task: Task) -> None:
    """As if most of its life had passed."""
    for key in of_task(task):
        client.pexpire(key, timedelta(hours=1))


def is_about(life: timedelta, wanted: timedelta) -> bool:
    return wanted - NEARLY < life <= wanted


def test_a_started_task_has_the_life_of_an_open_one(store: Store, client: Redis) -> None:
    task = start(store, ttls=LIVES)

    assert all(is_about(life_left(client, key), LIVES.open) for key in of_task(task))


def test_the_indexes_outlive_the_tasks_in_them(store: Store, client: Redis) -> None:
    task = start(store, ttls=LIVES)

    indexes = [store.task_shards.key(one, task.id) for one in (keys.OPEN_TASKS, keys.ALL_TASKS)]
    assert all(life_left(client, index) > LIVES.open for index in indexes)


def test_the_indexes_outlive_tombstones_that_stay_longer_than_open_tasks(store: Store, client: Redis) -> None:
    task = start(store, ttls=TaskTtls(open=timedelta(hours=1), ended=timedelta(days=30)))

    assert life_left(client, store.task_shards.key(keys.ALL_TASKS, task.id)) > timedelta(days=30)


def test_progress_renews_the_life(store: Store, client: Redis, hand_moved_clock: HandMovedClock) -> None:
    task = start(store, ttls=LIVES)
    shorten(client, task)
    hand_moved_clock.forward(hours=2)  # more than a hundredth of its life

    reporting.report(store, task.id, [0])

    assert all(is_about(life_left(client, key), LIVES.open) for key in of_task(task))


def test_progress_without_a_pause_renews_the_life_too(
    store: Store, client: Redis, hand_moved_clock: HandMovedClock
) -> None:
    task = start(store, 9, ttls=LIVES)
    shorten(client, task)

    for step in range(8):
        hand_moved_clock.forward(minutes=15)
        reporting.report(store, task.id, [step])

    assert all(is_about(life_left(client, key), LIVES.open) for key in of_task(task))


def test_a_duplicate_is_no_progress_and_renews_nothing(
    store: Store, client: Redis, hand_moved_clock: HandMovedClock
) -> None:
    task = start(store, ttls=LIVES)
    reporting.report(store, task.id, [0])
    shorten(client, task)
    hand_moved_clock.forward(minutes=5)

    reporting.report(store, task.id, [0])

    assert all(life_left(client, key) <= timedelta(hours=1) for key in of_task(task))
    assert now(store, task).last_progress_at < hand_moved_clock.moment


def test_the_end_leaves_a_tombstone_with_a_shorter_life_and_no_bitmap(store: Store, client: Redis) -> None:
    task = start_done(store, ttls=LIVES)

    announce(store, task.id)

    assert client.exists(keys.bitmap(task.id)) == 0
    assert is_about(life_left(client, keys.record(task.id)), LIVES.ended)


def test_an_end_that_is_not_told_yet_lives_as_long_as_an_open_task(
    store: Store, client: Redis, hand_moved_clock: HandMovedClock
) -> None:
    done, failed, cancelled = (start(store, 1, ttls=LIVES) for _ in range(3))
    reporting.report(store, done.id, [0])
    failing.fail(store, failed.id, 0, "no")
    lifecycle.cancel(store, cancelled.id)
    ended = [keys.record(task.id) for task in (done, failed, cancelled)]
    untold = [life_left(client, key) for key in ended]
    for key in ended:
        client.pexpire(key, timedelta(hours=1))

    for task in (done, failed, cancelled):
        with pytest.raises(RuntimeError):
            announce(store, task.id, nobody)

    assert all(is_about(life, LIVES.open) for life in untold)
    assert all(is_about(life_left(client, key), LIVES.open) for key in ended)
    hand_moved_clock.forward(minutes=1)
    for task in (done, failed, cancelled):
        announce(store, task.id)
    assert all(is_about(life_left(client, key), LIVES.ended) for key in ended)


def nobody(_: Task) -> None:
    raise RuntimeError


def test_a_task_stays_until_its_deliveries_are_over(
    store: Store, client: Redis, hand_moved_clock: HandMovedClock
) -> None:
    task = start(store, 1, ttls=LIVES, ended_ttl=timedelta(seconds=90), webhook=Webhook("https://a.example/"))
    reporting.report(store, task.id, [0])
    announce(store, task.id)
    told_at = now(store, task).announced_at
    owed = life_left(client, keys.record(task.id))
    hand_moved_clock.forward(seconds=5)
    (name,) = deliveries.list_due(store, "webhook", 9)
    taken = deliveries.claim(store, name)
    assert taken is not None

    deliveries.record_delivered(store, taken, "answered 204")

    assert owed > RETRY_FOR
    assert life_left(client, keys.record(task.id)) <= timedelta(seconds=90)
    assert now(store, task).announced_at == told_at


def test_a_task_may_ask_for_a_life_of_its_own_after_its_end(store: Store, client: Redis) -> None:
    task = start(store, 1, ttls=LIVES, ended_ttl=timedelta(seconds=90))
    reporting.report(store, task.id, [0])

    announce(store, task.id)

    assert timedelta(seconds=80) < life_left(client, keys.record(task.id)) <= timedelta(seconds=90)


def test_a_cancelled_task_keeps_its_bitmap_as_long_as_its_tombstone(store: Store, client: Redis) -> None:
    task = start(store, ttls=LIVES)

    lifecycle.cancel(store, task.id)
    announce(store, task.id)

    assert all(is_about(life_left(client, key), LIVES.ended) for key in of_task(task))


def test_late_steps_of_a_cancelled_task_do_not_lengthen_its_life(
    store: Store, client: Redis, hand_moved_clock: HandMovedClock
) -> None:
    task = start(store, ttls=LIVES)
    lifecycle.cancel(store, task.id)
    announce(store, task.id)
    hand_moved_clock.forward(minutes=5)

    reporting.report(store, task.id, [0])

    assert all(life_left(client, key) <= LIVES.ended for key in of_task(task))


def test_a_kept_answer_goes_after_an_hour(store: Store, client: Redis) -> None:
    task = start(store)

    reporting.report(store, task.id, [0], reply_key="k-1")

    assert is_about(life_left(client, keys.reply(task.id, "k-1")), timedelta(hours=1))


def test_no_key_of_a_whole_life_stays_for_ever(store: Store, client: Redis) -> None:
    for end in (lifecycle.cancel, lifecycle.delete):
        task = start(store)
        reporting.report(store, task.id, [0], reply_key="k-1")
        end(store, task.id)
    start_done(store)

    assert keys_without_ttl(client) == set()


@pytest.mark.parametrize("cancelled", [False, True])
def test_the_id_of_an_expired_task_can_be_started_anew(
    store: Store, client: Redis, *, cancelled: bool
) -> None:
    expired = start(store, task_id="nightly")
    reporting.report(store, expired.id, [0])
    store.tasks.update_record(
        expired.id, expired.nonce, expired.run, {"heals": 3, "dispatched_at": 1, "stalled_at": 1}
    )
    if cancelled:
        lifecycle.cancel(store, expired.id)
    expire(client, expired)

    with pytest.raises(NotFound, match="no task nightly is known, or it has expired"):
        lifecycle.get_task(store, "nightly")
    anew = start(store, 5, task_id="nightly")

    assert (anew.state, anew.missing_steps, anew.heals) == (State.RUNNING, 5, 0)
    assert now(store, anew) == anew
    assert anew.nonce != expired.nonce


def test_a_bitmap_that_other_hands_revived_is_none_of_a_task_started_anew(
    store: Store, client: Redis
) -> None:
    task = start_done(store, task_id="nightly")
    client.delete(keys.record(task.id))
    client.setbit(keys.bitmap(task.id), 0, 1)

    anew = start(store, task_id="nightly")

    assert lifecycle.get_task(store, anew.id).reading.set_bits == 1
    assert keys_without_ttl(client) == set()
