"""A paused task is left alone by workers and the sweep until it is resumed, and loses nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from redis import Redis

from donebit import clock
from donebit.completion import diagnosis, failing, fanout, healing, leases, lifecycle, reporting, resuming
from donebit.completion.diagnosis import Observations, Waiting
from donebit.completion.fanout import Slice
from donebit.completion.healing import ProbedState
from donebit.completion.leases import Holder
from donebit.completion.state import State
from donebit.completion.sweeping import Sweep
from donebit.completion.task import Task
from donebit.errors import Conflict, InvalidInput, NotFound
from donebit.store import Store, keys
from tests.completion.arranged import TTLS, life_left, missing_ranges, now, start, start_done
from tests.completion.conftest import HandMovedClock
from tests.completion.publisher import RecordingPublisher

HOLDER = Holder("message", "host:1/a", 7)
SEEN = Observations(worker_alive=True, queued=0)


def start_paused(store: Store, count: int = 10) -> Task:
    return lifecycle.pause(store, start(store, count, job="demo").id)


def test_a_paused_task_keeps_running_as_its_state_and_says_why(store: Store) -> None:
    task = start_paused(store)

    found = diagnosis.diagnose(task, SEEN, clock.now())

    assert (task.state, task.paused) == (State.RUNNING, True)
    assert (found.waiting_for, found.next_probe_at) == (Waiting.PAUSED, None)
    assert "paused; resume sends its missing steps" in found.sentence(task, clock.now())


def test_a_paused_open_task_whose_steps_are_done_waits_for_its_close(store: Store) -> None:
    task = start(store, 2, job="demo", open=True)
    reporting.report(store, task.id, [0, 1])

    found = diagnosis.diagnose(lifecycle.pause(store, task.id), SEEN, clock.now())
    closed, _ = resuming.close(store, task.id)

    assert (found.waiting_for, closed.state) == (Waiting.CLOSE, State.DONE)


def test_no_worker_takes_steps_of_a_paused_task(store: Store) -> None:
    task = start_paused(store)

    taken = leases.take(store, task.id, task.nonce, HOLDER, [(0, 10)])
    resuming.resume(store, task.id, TTLS)
    resumed = leases.take(store, task.id, task.nonce, HOLDER, [(0, 10)])

    assert taken is None
    assert resumed is not None
    assert resumed.ranges == [(0, 10)]


def test_reports_to_a_paused_task_count_and_may_end_it(store: Store) -> None:
    task = start_paused(store, 3)

    first = reporting.report(store, task.id, [0])
    last = reporting.report(store, task.id, [1, 2])

    assert (first.fresh, first.state) == (1, State.RUNNING)
    assert (last.completed_task, last.state, now(store, task).paused) == (True, State.DONE, False)


def test_a_failure_may_end_a_paused_task_which_runs_unpaused_when_resumed(store: Store) -> None:
    task = start_paused(store, 1)

    ended = failing.fail(store, task.id, 0, "no")
    resumed = resuming.resume(store, task.id, TTLS)

    assert (ended.completed_task, ended.state) == (True, State.FAILED)
    assert (resumed.state, resumed.paused, resumed.run) == (State.RUNNING, False, 2)


def test_a_paused_task_never_stalls_and_is_not_probed(
    store: Store, client: Redis, hand_moved_clock: HandMovedClock
) -> None:
    task, publisher = start_paused(store), RecordingPublisher()

    for _ in range(20):
        hand_moved_clock.forward(hours=6)
        client.pexpire(keys.record(task.id), timedelta(minutes=1))
        Sweep(store, publisher, TTLS).run()

    assert publisher.empty
    assert not now(store, task).stalled
    assert life_left(client, keys.record(task.id)) > timedelta(days=6)


def test_a_stalled_task_that_is_paused_stalls_no_more(store: Store) -> None:
    task = start(store, 3)
    store.tasks.update_record(task.id, task.nonce, task.run, {"stalled_at": clock.now_ms() + 1})
    stalled = now(store, task).stalled

    assert (stalled, lifecycle.pause(store, task.id).stalled) == (True, False)


def test_resuming_leaves_done_and_given_up_steps_as_they_are(store: Store) -> None:
    task = start_paused(store, 4)
    reporting.report(store, task.id, [0])
    failing.fail(store, task.id, 2, "no")

    resumed = resuming.resume(store, task.id, TTLS)

    assert (resumed.paused, resumed.run, resumed.done_steps, resumed.failed_steps) == (False, 1, 1, 1)
    assert missing_ranges(store, task) == [(1, 2), (3, 4)]
    with pytest.raises(Conflict, match="only a failed, cancelled, stalled or paused one is resumed"):
        resuming.resume(store, task.id, TTLS)


def test_a_task_is_paused_twice_without_harm_and_resumed_once(store: Store) -> None:
    task = start_paused(store)

    again = lifecycle.pause(store, task.id)

    assert (again.paused_at, again.pauses) == (task.paused_at, 1)
    assert not resuming.resume(store, task.id, TTLS).paused


def test_neither_an_ended_nor_an_unknown_task_is_paused(store: Store) -> None:
    task = start_done(store)

    with pytest.raises(Conflict, match=f"task {task.id} is done; only a running task can be paused"):
        lifecycle.pause(store, task.id)
    with pytest.raises(NotFound):
        lifecycle.pause(store, "nobody")


def test_a_pause_repeated_under_its_key_does_not_pause_a_resumed_task(store: Store) -> None:
    task = start(store)
    lifecycle.pause(store, task.id, reply_key="k")
    resuming.resume(store, task.id, TTLS)

    assert not lifecycle.pause(store, task.id, reply_key="k").paused
    with pytest.raises(InvalidInput, match="used for another request"):
        lifecycle.cancel(store, task.id, reply_key="k")


def test_a_cancelled_task_is_no_longer_paused_and_not_when_resumed(store: Store) -> None:
    task = start_paused(store)

    cancelled = lifecycle.cancel(store, task.id)
    resumed = resuming.resume(store, task.id, TTLS)

    assert (cancelled.paused, resumed.paused, resumed.state) == (False, False, State.RUNNING)


def test_steps_are_fanned_out_by_the_resume_where_the_pause_came_first(store: Store) -> None:
    task = start_paused(store)
    before = (fanout.is_due(task, 0), fanout.claim_fan_out(store, task))

    resumed = resuming.resume(store, task.id, TTLS)

    assert before == (False, False)
    assert (fanout.is_due(resumed, 0), fanout.claim_fan_out(store, resumed)) == (True, True)


def after(sent: list[Slice], number: int, act: Callable[[], object]) -> fanout.Send:
    """Send by noting the parts, and act once after so many."""

    def send(_: Task, parts: Sequence[Slice]) -> None:
        sent.extend(parts)
        if len(sent) == number:
            act()

    return send


def test_a_fan_out_that_a_pause_overtakes_ends_and_the_resume_sends_all(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    task, sent = start(store, 9, job="demo", batch=1), list[Slice]()

    def pause_and_resume() -> None:
        lifecycle.pause(store, task.id)
        resuming.resume(store, task.id, TTLS)
        hand_moved_clock.forward(seconds=fanout.LEASE.total_seconds())

    fanout.fan_out(store, task, after(sent, fanout.FIRST_WRITE, pause_and_resume))
    resumed = now(store, task)
    again = fanout.fan_out(store, resumed, after(sent, 99, lambda: None))

    assert (resumed.dispatched_at, fanout.is_due(resumed, 0)) == (None, True)
    assert (again, sent[fanout.FIRST_WRITE :]) == (9, [Slice(step, step + 1) for step in range(9)])


def test_a_probe_that_was_under_way_heals_nothing_of_a_paused_task(store: Store) -> None:
    task, sent = start(store, 9, job="demo"), list[Slice]()
    paused = lifecycle.pause(store, task.id)

    assert healing.heal(store, paused, ProbedState.of(paused), after(sent, 99, lambda: None)) == 0
    assert sent == []
