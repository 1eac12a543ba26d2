"""A machine's clock that is wrong decides nothing: all processes go by the Redis server's, and it is said."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from done_app.worker.clock_watch import ClockWatch
from donebit import clock
from donebit.completion import fanout, leases, reporting
from donebit.completion.sweeping import Sweep
from donebit.store import Store
from donebit.store.lease_values import Holder
from donebit.web.health import skewed_clocks
from donebit.workers import presence
from tests.completion.arranged import TTLS, now, start
from tests.completion.publisher import RecordingPublisher

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


def set_machine_clock(monkeypatch: pytest.MonkeyPatch, skew: timedelta) -> None:
    """Have this machine's clock be ahead of what it is; what is known of it is put back after the test."""
    right, ahead_ns = time.time_ns, skew // timedelta(microseconds=1) * 1000
    monkeypatch.setattr(clock, "_ahead_us", 0)
    monkeypatch.setattr(time, "time_ns", lambda: right() + ahead_ns)


@pytest.mark.parametrize("skew", [HOUR, -HOUR, 6 * SECOND, -6 * SECOND])
def test_times_are_the_servers_once_it_was_asked(
    store: Store, monkeypatch: pytest.MonkeyPatch, skew: timedelta
) -> None:
    before = clock.now()
    set_machine_clock(monkeypatch, skew)
    clock.follow(store.heartbeats.server_us())

    assert before - SECOND < clock.now() < before + 5 * SECOND
    assert abs(clock.skew() - skew) < SECOND


@pytest.mark.parametrize("skew", [HOUR, -HOUR])
def test_a_sweep_sees_what_is_due_by_the_servers_clock(
    store: Store, monkeypatch: pytest.MonkeyPatch, skew: timedelta
) -> None:
    task = start(store, 3, job="demo", stall_after=timedelta(minutes=1))
    fanout.fan_out(store, task, lambda *_: None)
    store.task_index.look_again(task.id, clock.now_ms())
    publisher = RecordingPublisher()
    set_machine_clock(monkeypatch, skew)

    checked = Sweep(store, publisher, TTLS).run()

    assert checked == 1  # a clock behind would not find it due
    assert publisher.probed == []  # a clock ahead would take it for stuck


def test_a_message_brings_the_servers_clock_with_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    task = start(store, 3, job="demo")
    set_machine_clock(monkeypatch, HOUR)

    held = leases.take(store, task.id, task.nonce, Holder("message", "host:1/aa", 1), [(0, 3)])
    reporting.report(store, task.id, [0])

    assert held is not None
    assert now(store, task).last_progress_at - task.created_at < 5 * SECOND


def read_late(monkeypatch: pytest.MonkeyPatch, wait: timedelta) -> None:
    """Have this process sleep, as on a busy machine, between the server's answer and its reading."""
    looks, monotonic, wall_ns = [0], time.monotonic, time.time_ns

    def look() -> float:
        looks[0] += 1
        return monotonic() + (wait.total_seconds() if looks[0] > 1 else 0)

    wait_ns = wait // timedelta(microseconds=1) * 1000
    monkeypatch.setattr(clock, "_ahead_us", 0)
    monkeypatch.setattr(clock, "monotonic", look)
    monkeypatch.setattr(time, "time_ns", lambda: wall_ns() + wait_ns)


@pytest.mark.parametrize(
    "ask",
    [
        presence.follow_clock,
        lambda store: store.tasks.get("any"),
        lambda store: store.task_index.extend_indexes(TTLS.index),
    ],
    ids=["heartbeat", "task", "sweep"],
)
def test_an_answer_that_is_read_late_does_not_move_the_clock(
    store: Store, monkeypatch: pytest.MonkeyPatch, ask: Callable[[Store], object]
) -> None:
    read_late(monkeypatch, 5 * SECOND)

    ask(store)

    assert clock.skew() == timedelta(0)


def test_an_answer_that_is_read_late_still_shows_a_wrong_clock(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_late(monkeypatch, 5 * SECOND)
    monkeypatch.setattr(clock, "_ahead_us", HOUR // timedelta(microseconds=1))

    presence.follow_clock(store)

    assert abs(clock.skew()) < 6 * SECOND


def test_of_sweeps_that_waited_only_the_first_is_made(store: Store) -> None:
    assert [store.heartbeats.take_sweep(HOUR) for _ in range(3)] == [True, False, False]


def test_a_skew_that_matters_is_logged_once_and_said_in_health(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    set_machine_clock(monkeypatch, 6 * SECOND)
    watch = ClockWatch(store, "host:1")

    watch.check()
    watch.check()

    assert caplog.messages == [
        "this machine's clock is 6.0 s ahead of that of the Redis server; Donebit goes by the server's"
    ]
    assert [(one.of, round(one.ahead_seconds)) for one in skewed_clocks(store)] == [
        ("host:1", 6),
        ("service", 6),
    ]


def test_a_clock_that_is_right_is_not_mentioned(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    ClockWatch(store, "host:1").check()

    assert (presence.recent_skews(store), skewed_clocks(store), caplog.messages) == ({}, [], [])
