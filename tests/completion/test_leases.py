"""Leases: one living process runs a step, what lives is not sent again, and what is gone is, once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from donebit.completion import failing, fanout, healing, leases, lifecycle, reclaiming, reporting, resuming
from donebit.completion.fanout import Slice
from donebit.completion.healing import ProbedState
from donebit.completion.leases import LEASE, Range, without
from donebit.completion.sweeping import MAX_HEALS, Sweep
from donebit.completion.task import Task
from donebit.errors import BrokerUnavailable, StoreUnavailable
from donebit.retry_policy import RetryPolicy
from donebit.store import Store, keys
from donebit.store.lease_values import Holder, Renewal
from donebit.store.leases import RECLAIM_WITHIN
from tests.completion.arranged import TTLS, now, start
from tests.completion.conftest import HandMovedClock
from tests.completion.publisher import RecordingPublisher
from tests.losing_way import known_script, losing_way_to
from tests.servers import RunningServer
from tests.started import eventually

FIRST, SECOND = Holder("message-1", "host:1/aa", 11), Holder("message-2", "host:2/bb", 22)
GONE = timedelta(0)  # a lease that has run out as soon as it is taken
STALL_AFTER = timedelta(seconds=10)


def started(store: Store, count: int = 8) -> Task:
    task = start(store, count, job="demo", stall_after=STALL_AFTER)
    fanout.fan_out(store, task, lambda *_: None)
    return now(store, task)


def taken(store: Store, task: Task, holder: Holder, *ranges: Range) -> list[Range]:
    held = leases.take(store, task.id, task.nonce, holder, ranges)
    assert held is not None
    return held.ranges


def lapse(store: Store, task: Task, holder: Holder, *, ending: bool = False) -> None:
    """Have a lease run out that was renewed."""
    assert store.leases.renew_leases(task.id, [Renewal(holder, 3, GONE)], GONE, ending=ending)


def reclaimed(store: Store) -> list[tuple[list[Range], bool]]:
    sent: list[tuple[list[Range], bool]] = []
    reclaiming.reclaim_lapsed(store, lambda _, ranges, careful: sent.append((ranges, careful)))
    return sent


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        ([(0, 8)], [(0, 2), (4, 8)]),
        ([(2, 4)], []),
        ([(3, 5), (0, 1)], [(4, 5), (0, 1)]),
        ([(4, 8)], [(4, 8)]),
    ],
)
def test_a_second_process_takes_only_what_no_living_one_runs(
    store: Store, asked: list[Range], left: list[Range]
) -> None:
    task = started(store)
    taken(store, task, FIRST, (2, 4))

    assert taken(store, task, SECOND, *asked) == left
    assert list(without(asked, [(2, 4)])) == left


RANGES = st.lists(st.tuples(st.integers(0, 39), st.integers(1, 9)), min_size=1, max_size=9).map(
    lambda pairs: [(start, min(start + length, 40)) for start, length in pairs]
)


@given(held=st.lists(RANGES, max_size=4), asked=RANGES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_taken_is_all_that_nobody_runs(
    real_store: Store, held: list[list[Range]], asked: list[Range]
) -> None:
    task = started(real_store, 40)
    others = [taken(real_store, task, Holder(f"{n}", "host:1/aa", 1 + n), *one) for n, one in enumerate(held)]

    got = taken(real_store, task, Holder("asking", "host:2/bb", 22), *asked)

    assert got == list(without(asked, [part for one in others for part in one]))


def test_a_message_given_to_a_second_worker_is_left_to_the_first(store: Store) -> None:
    task = started(store)
    taken(store, task, FIRST, (0, 8))
    redelivered = Holder(FIRST.message_id, SECOND.worker, SECOND.pid)

    assert taken(store, task, redelivered, (0, 8)) == []
    assert not store.leases.release_lease(task.id, redelivered)
    assert taken(store, task, FIRST, (0, 8)) == [(0, 8)]  # which it still has


def test_a_second_worker_takes_nothing_of_a_message_of_which_some_runs(store: Store) -> None:
    task = started(store)
    taken(store, task, FIRST, (0, 4))
    redelivered = Holder(FIRST.message_id, SECOND.worker, SECOND.pid)

    assert taken(store, task, redelivered, (0, 8)) == []

    assert [(one.pid, one.ranges) for one in store.leases.of_task(task.id)] == [(FIRST.pid, [(0, 4)])]


def test_steps_given_up_or_run_out_can_be_taken_by_another(store: Store) -> None:
    task = started(store)
    taken(store, task, FIRST, (0, 4))
    store.leases.release_lease(task.id, FIRST)
    assert taken(store, task, SECOND, (0, 4)) == [(0, 4)]
    lapse(store, task, SECOND)

    assert taken(store, task, FIRST, (0, 8)) == [(0, 8)]


def test_of_an_ended_or_other_task_nothing_is_taken(store: Store) -> None:
    task = started(store)
    other = leases.take(store, task.id, "another", FIRST, [(0, 8)])
    lifecycle.cancel(store, task.id)

    assert other is None
    assert leases.take(store, task.id, task.nonce, FIRST, [(0, 8)]) is None


def test_a_lease_that_ran_out_is_sent_again_once_and_without_done_steps(store: Store) -> None:
    task = started(store)
    taken(store, task, FIRST, (0, 4))
    taken(store, task, SECOND, (6, 8))
    reporting.report(store, task.id, [1])
    lapse(store, task, FIRST)

    assert reclaimed(store) == [([(0, 1), (2, 4)], True)]
    assert reclaimed(store) == []


def test_a_lease_with_many_holes_is_sent_whole(store: Store) -> None:
    task = started(store, 2000)
    taken(store, task, FIRST, (0, 2000))
    reporting.report(store, task.id, list(range(0, 2000, 2)))
    lapse(store, task, FIRST)

    assert reclaimed(store) == [([(0, 2000)], True)]


def test_only_one_worker_sends_the_steps_of_a_lease(store: Store) -> None:
    task, others = started(store), list[tuple[list[Range], bool]]()
    taken(store, task, FIRST, (0, 4))
    lapse(store, task, FIRST)

    reclaiming.reclaim_lapsed(store, lambda *_: others.extend(reclaimed(store)))

    assert others == []


def test_a_lease_that_another_reclaims_is_left_to_it_for_a_while(store: Store) -> None:
    task = started(store)
    taken(store, task, FIRST, (0, 4))
    lapse(store, task, FIRST)

    ours, theirs = (store.leases.reclaim_lease(task.id, FIRST.message_id) for _ in range(2))

    assert ours is not None
    assert theirs is not None
    assert (ours.left, theirs.left > RECLAIM_WITHIN / 2) == (GONE, True)


def test_steps_that_the_broker_did_not_take_are_reclaimed_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("donebit.store.leases.RECLAIM_WITHIN", timedelta(milliseconds=50))
    task, sent = started(store), list[list[Range]]()
    taken(store, task, FIRST, (0, 4))
    lapse(store, task, FIRST)

    with pytest.raises(BrokerUnavailable):
        reclaiming.reclaim_lapsed(store, refuse)

    assert len(store.leases.of_task(task.id)) == 1
    eventually(
        lambda: reclaiming.reclaim_lapsed(store, lambda _, ranges, __: sent.append(ranges)),
        what="they are lost",
    )
    assert sent == [[(0, 4)]]


def test_a_lease_renewed_while_its_steps_are_sent_stays(store: Store) -> None:
    task = started(store)
    taken(store, task, FIRST, (0, 4))
    lapse(store, task, FIRST)

    def renew(*_: object) -> None:  # its worker was only paused
        leases.renew(store, task.id, [Renewal(FIRST, 3, GONE)], ending=False)

    reclaiming.reclaim_lapsed(store, renew)

    assert taken(store, task, SECOND, (0, 8)) == [(4, 8)]
    lapse(store, task, FIRST)
    assert reclaimed(store) == [([(0, 4)], True)]


def test_a_lease_that_has_not_run_out_is_looked_at_again(store: Store, client: Redis) -> None:
    task = started(store)
    taken(store, task, FIRST, (0, 4))
    store.leases.index(task.id, {FIRST.message_id: 0})

    assert reclaimed(store) == []
    assert store.leases.lapsed_leases() == []
    assert client.zcard(keys.LEASES) == 1


def test_a_task_that_cannot_be_read_does_not_keep_others_from_being_sent(store: Store, client: Redis) -> None:
    newer, task = started(store), started(store)
    for one, holder in ((newer, FIRST), (task, SECOND)):
        taken(store, one, holder, (0, 4))
        lapse(store, one, holder)
    store.tasks.update_record(newer.id, newer.nonce, newer.run, {"order": "of a newer version"})
    client.zadd(keys.LEASES, {f"{newer.id}:{FIRST.message_id}": 0, ".:message-3": 1})  # looked at first

    assert reclaimed(store) == [([(0, 4)], True)]

    assert len(store.leases.of_task(newer.id)) == 1  # for a worker that can read it
    assert client.zscore(keys.LEASES, f"{newer.id}:{FIRST.message_id}")


def test_a_lease_on_a_task_that_has_ended_is_dropped_at_once(store: Store, client: Redis) -> None:
    task = started(store)
    taken(store, task, FIRST, (0, 4))
    lapse(store, task, FIRST)
    lifecycle.cancel(store, task.id)

    assert store.leases.reclaim_lease(task.id, FIRST.message_id) is None

    assert store.leases.of_task(task.id) == []
    assert not client.exists(keys.reclaiming(task.id, FIRST.message_id))


def test_a_lease_that_was_never_renewed_is_sent_again(store: Store) -> None:
    task = started(store)
    assert store.leases.take_lease(task.id, task.nonce, FIRST, [(0, 4)], GONE) is not None

    assert reclaimed(store) == [([(0, 4)], True)]


def test_a_lease_that_nobody_has_indexed_is_found_by_the_sweep(store: Store, client: Redis) -> None:
    task = started(store)
    assert store.leases.take_lease(task.id, task.nonce, FIRST, [(0, 4)], GONE) is not None
    client.delete(keys.LEASES)

    Sweep(store, RecordingPublisher(), TTLS).check(task.id, task.created_at)

    assert reclaimed(store) == [([(0, 4)], True)]


def test_the_index_has_held_leases_only(store: Store, client: Redis) -> None:
    task = started(store)
    taken(store, task, FIRST, (0, 4))
    taken(store, task, SECOND, (4, 8))
    leases.release(store, task.id, FIRST)
    assert leases.take(store, task.id, "another", FIRST, [(0, 4)]) is None

    assert client.zrange(keys.LEASES, 0, -1) == [f"{task.id}:{SECOND.message_id}".encode()]


def test_a_lease_is_found_when_the_answer_to_taking_it_is_lost(
    real_store: Store, valkey: RunningServer
) -> None:
    task = started(real_store)
    with losing_way_to(valkey.port) as way:
        way.lose(known_script(valkey.client, "take_lease"))
        with pytest.raises(StoreUnavailable):
            Store.at(way.url).leases.take_lease(task.id, task.nonce, FIRST, [(0, 4)], GONE)

    assert reclaimed(real_store) == [([(0, 4)], True)]


def test_an_attempt_that_a_shutdown_cut_short_is_taken_back(store: Store) -> None:
    task, policy = started(store), RetryPolicy(1, timedelta(0))
    for _ in range(3):
        taken(store, task, FIRST, (3, 4))
        assert failing.begin_attempt(store, task, 3, policy, message_id=FIRST.message_id) == 1
        lapse(store, task, FIRST, ending=True)
        assert reclaimed(store) == [([(3, 4)], True)]  # counted beforehand again

    assert store.failures.attempts(task.id, [3]) == [0]


def test_an_attempt_is_taken_back_once_when_its_steps_are_reclaimed_twice(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("donebit.store.leases.RECLAIM_WITHIN", timedelta(milliseconds=1))
    task, policy = started(store), RetryPolicy(3, timedelta(0))
    failing.begin_attempt(store, task, 3, policy)  # which failed
    taken(store, task, FIRST, (3, 4))
    assert failing.begin_attempt(store, task, 3, policy, message_id=FIRST.message_id) == 2
    lapse(store, task, FIRST, ending=True)

    with pytest.raises(BrokerUnavailable):  # and so the one who reclaims it cannot send them
        reclaiming.reclaim_lapsed(store, refuse)
    eventually(lambda: reclaimed(store), what="they are lost")

    assert store.failures.attempts(task.id, [3]) == [1]


def test_an_attempt_that_a_resume_has_forgotten_is_not_taken_back(store: Store) -> None:
    task, policy = started(store, 1), RetryPolicy(1, timedelta(0))
    taken(store, task, FIRST, (0, 1))
    failing.begin_attempt(store, task, 0, policy, message_id=FIRST.message_id)
    lapse(store, task, FIRST, ending=True)
    failing.fail(store, task.id, 0, "reported by other hands", policy, attempt=failing.COUNTED_AHEAD)
    resuming.resume(store, task.id, TTLS)

    reclaimed(store)

    assert store.failures.attempts(task.id, [0]) == [0]


def test_an_attempt_that_a_crash_cut_short_stays_counted(store: Store) -> None:
    task, policy = started(store), RetryPolicy(1, timedelta(0))
    taken(store, task, FIRST, (3, 4))
    failing.begin_attempt(store, task, 3, policy, message_id=FIRST.message_id)
    lapse(store, task, FIRST)

    assert reclaimed(store) == [([(3, 4)], True)]
    assert store.failures.attempts(task.id, [3]) == [1]


@pytest.mark.parametrize("ending", [False, True])
def test_a_death_is_told_to_the_next_process_unless_its_worker_ends(store: Store, *, ending: bool) -> None:
    task = started(store)
    taken(store, task, FIRST, (3, 4))
    store.leases.bury_lease(task.id, FIRST, ending=ending)
    again = Holder(FIRST.message_id, SECOND.worker, SECOND.pid)

    held = leases.take(store, task.id, task.nonce, again, [(3, 4)])

    assert held is not None
    assert (held.ranges, held.died) == ([(3, 4)], not ending)
    assert reclaimed(store) == []


def test_steps_at_which_a_process_died_are_left_to_their_message(store: Store) -> None:
    task = started(store)
    taken(store, task, FIRST, (3, 4))
    store.leases.bury_lease(task.id, FIRST, ending=False)
    store.leases.index(task.id, {FIRST.message_id: 0})  # as it was entered, once that has run out

    assert reclaimed(store) == []

    held = leases.take(store, task.id, task.nonce, FIRST, [(3, 4)])
    assert held is not None
    assert held.died


def test_steps_not_begun_are_handed_over_once(store: Store) -> None:
    task, sent = started(store), list[list[Range]]()
    taken(store, task, FIRST, (0, 2), (5, 8))

    for _ in range(2):
        leases.hand_over(store, task.id, task.nonce, FIRST, 1, lambda _, ranges, __: sent.append(ranges))

    assert sent == [[(0, 1), (5, 8)]]
    assert taken(store, task, SECOND, (0, 8)) == [(0, 1), (2, 8)]
    assert store.leases.release_lease(task.id, FIRST)  # so it sends none of them itself


@pytest.mark.parametrize(("counted", "by_message"), [(False, False), (True, False), (False, True)])
def test_steps_are_handed_over_as_carefully_as_they_were_run(
    store: Store, counted: bool, by_message: bool
) -> None:
    task, sent = started(store), list[bool]()
    taken(store, task, FIRST, (0, 8))
    if counted:  # as a process has died at the message before
        failing.begin_attempt(store, task, 3, RetryPolicy(3, timedelta(0)), message_id=FIRST.message_id)

    place = task.id, task.nonce, FIRST, 3
    leases.hand_over(store, *place, lambda *given: sent.append(given[2]), careful=by_message)

    assert sent == [counted or by_message]


def test_steps_handed_over_can_be_taken_before_the_lease_is_narrowed(store: Store) -> None:
    task, got = started(store), list[list[Range]]()
    taken(store, task, FIRST, (0, 8))

    def take_at_once(_: Task, ranges: list[Range], __: bool) -> None:
        got.append(taken(store, task, SECOND, *ranges))

    leases.hand_over(store, task.id, task.nonce, FIRST, 3, take_at_once)

    assert got == [[(0, 3), (4, 8)]]
    assert [one.ranges for one in store.leases.of_task(task.id) if one.pid == FIRST.pid] == [[(3, 4)]]


def refuse(*_: object) -> None:
    raise BrokerUnavailable("the broker does not take messages")


def test_steps_that_the_broker_did_not_take_are_handed_over_again(store: Store) -> None:
    task, sent = started(store), list[list[Range]]()
    taken(store, task, FIRST, (0, 8))

    with pytest.raises(BrokerUnavailable):
        leases.hand_over(store, task.id, task.nonce, FIRST, 3, refuse)
    leases.hand_over(store, task.id, task.nonce, FIRST, 3, lambda _, ranges, __: sent.append(ranges))

    assert sent == [[(0, 3), (4, 8)]]


def test_a_process_sends_what_its_worker_could_not_hand_over(store: Store) -> None:
    task = started(store)
    taken(store, task, FIRST, (0, 8))

    with pytest.raises(BrokerUnavailable):
        leases.hand_over(store, task.id, task.nonce, FIRST, 3, refuse)

    assert not store.leases.release_lease(task.id, FIRST)


def test_steps_that_a_dead_worker_could_not_hand_over_are_sent(store: Store) -> None:
    task = started(store)
    taken(store, task, FIRST, (0, 8))
    with pytest.raises(BrokerUnavailable):
        leases.hand_over(store, task.id, task.nonce, FIRST, 3, refuse)

    lapse(store, task, FIRST, ending=True)

    assert reclaimed(store) == [([(0, 8)], False)]


def test_an_attempt_cut_short_while_the_other_steps_are_sent_is_taken_back(store: Store) -> None:
    task, policy = started(store), RetryPolicy(1, timedelta(0))
    taken(store, task, FIRST, (0, 8))
    failing.begin_attempt(store, task, 3, policy, message_id=FIRST.message_id)
    with pytest.raises(BrokerUnavailable):
        leases.hand_over(store, task.id, task.nonce, FIRST, 3, refuse)

    lapse(store, task, FIRST, ending=True)

    assert reclaimed(store) == [([(0, 8)], True)]
    assert store.failures.attempts(task.id, [3]) == [0]


def test_what_runs_is_neither_probed_nor_stalled_however_long(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    task, publisher = started(store), RecordingPublisher()
    taken(store, task, FIRST, (0, 8))
    for _ in range(20):
        hand_moved_clock.forward(seconds=3600)
        store.leases.renew_leases(task.id, [Renewal(FIRST, 0, GONE)], LEASE, ending=False)
        Sweep(store, publisher, TTLS).run()

    assert publisher.probed == []
    assert (now(store, task).stalled, now(store, task).heals) == (False, 0)


def test_lost_steps_beside_a_running_one_are_sent_and_it_is_not(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    task, publisher, sent = started(store, 3), RecordingPublisher(), list[Slice]()
    taken(store, task, FIRST, (1, 2))
    for _ in range(MAX_HEALS + 3):
        hand_moved_clock.forward(seconds=86400)
        store.leases.renew_leases(task.id, [Renewal(FIRST, 1, GONE)], LEASE, ending=False)
        Sweep(store, publisher, TTLS).run()
        seen = now(store, task)
        healing.heal(store, seen, ProbedState.of(seen), lambda _, parts: sent.extend(parts))

    assert {part.start for part in sent} == {0, 2}
    assert publisher.probed
    assert not now(store, task).stalled


def test_a_task_that_is_run_whole_is_not_healed(store: Store) -> None:
    task = started(store)
    taken(store, task, FIRST, (0, 8))

    assert healing.heal(store, task, ProbedState.of(task), lambda *_: None) == 0
    assert now(store, task).heals == 0
