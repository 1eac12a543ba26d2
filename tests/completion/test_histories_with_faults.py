"""The model's histories of tasks, while workers die, clocks are wrong and Redis fails over."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test
from redis import Redis

from donebit import clock
from donebit.addresses import LOOPBACK
from donebit.completion import leases, lifecycle, reporting
from donebit.completion.leases import Range
from donebit.completion.state import State
from donebit.errors import StoreUnavailable
from donebit.store.leases import Holder, Renewal
from tests.completion.test_model import Completion

MESSAGES = ("one", "two", "three")
SKEWS = st.sampled_from([0, 6, -6, 3600, -3600]).map(lambda seconds: timedelta(seconds=seconds))
SPANS = st.tuples(st.integers(0, 17), st.integers(1, 18)).filter(lambda span: span[0] < span[1])
GONE = timedelta(0)
NO_SERVER = 1  # a port that nothing listens on


@dataclass
class Machine:
    """This machine's clock, as far ahead of the right one as it is set."""

    right: Callable[[], int]
    ahead: timedelta = field(default=timedelta(0))

    def time_ns(self) -> int:
        return self.right() + self.ahead // timedelta(microseconds=1) * 1000


class WithFaults(Completion):
    """The same tasks, with leases of processes that die, a clock that is set, and a server that changes."""

    machine: Machine

    def __init__(self, client: Redis) -> None:
        super().__init__(client)
        self.held: dict[tuple[str, str], list[Range]] = {}  # by the task's nonce and the message

    def running(self) -> list[str]:
        return [one for one, model in self.models.items() if model.state is State.RUNNING and model.count]

    def holder(self, message: str) -> Holder:
        return Holder(message, f"host:{MESSAGES.index(message)}/aa", 1)

    def steps_of(self, nonce: str, *, but: str) -> set[int]:
        """The steps that other messages hold."""
        of_others = [
            ranges for (one, message), ranges in self.held.items() if one == nonce and message != but
        ]
        return {step for ranges in of_others for start, stop in ranges for step in range(start, stop)}

    @rule(skew=SKEWS)
    def the_clock_is_set(self, skew: timedelta) -> None:
        self.machine.ahead = skew
        clock.follow(self.store.heartbeats.server_us())

    @invariant()
    def all_times_are_the_servers(self) -> None:
        right = clock.moment_of_ms(self.store.heartbeats.server_us() // 1000)
        for task in self.tasks.values():
            assert abs(task.created_at - right) < timedelta(minutes=5)

    @precondition(lambda self: self.running())
    @rule(chosen=st.data(), message=st.sampled_from(MESSAGES), span=SPANS)
    def a_process_takes_a_message(self, chosen: st.DataObject, message: str, span: Range) -> None:
        task_id = chosen.draw(st.sampled_from(sorted(self.running())))
        task, model = self.tasks[task_id], self.models[task_id]
        asked = set(range(*span)) & set(range(model.count))
        if not asked or (task.nonce, message) in self.held:
            return
        span = min(asked), max(asked) + 1

        held = leases.take(self.store, task_id, task.nonce, self.holder(message), [span])

        assert held is not None
        got = {step for start, stop in held.ranges for step in range(start, stop)}
        assert got == asked - self.steps_of(task.nonce, but=message)
        if held.ranges:
            self.held[task.nonce, message] = held.ranges

    @precondition(lambda self: self.held)
    @rule(chosen=st.data())
    def its_worker_is_killed_and_another_takes_over(self, chosen: st.DataObject) -> None:
        nonce, message = chosen.draw(st.sampled_from(sorted(self.held)))
        ranges = self.held.pop((nonce, message))
        task = next((one for one in self.tasks.values() if one.nonce == nonce), None)
        if task is None:  # it was deleted, or has expired
            return
        renewal = Renewal(self.holder(message), ranges[0][0], GONE)
        self.store.leases.renew_leases(task.id, [renewal], GONE, ending=False)
        sent: list[Range] = []

        leases.reclaim_lapsed(self.store, lambda _, again, __: sent.extend(again))

        model = self.models[task.id]
        lost = {step for start, stop in ranges for step in range(start, stop)}
        lost &= model.missing if model.state is State.RUNNING else set()
        again = {step for start, stop in sent for step in range(start, stop)}
        assert again == lost - self.steps_of(nonce, but=message)
        assert leases.reclaim_lapsed(self.store, lambda *_: pytest.fail("sent twice")) == []

    @precondition(lambda self: self.held)
    @rule(chosen=st.data())
    def a_message_is_finished(self, chosen: st.DataObject) -> None:
        nonce, message = chosen.draw(st.sampled_from(sorted(self.held)))
        del self.held[nonce, message]
        task = next((one for one in self.tasks.values() if one.nonce == nonce), None)
        if task is not None:
            leases.release(self.store, task.id, self.holder(message))

    @precondition(lambda self: self.running())
    @rule(chosen=st.data())
    def redis_fails_over(self, chosen: st.DataObject) -> None:
        """Connections lead to a replica for a moment: nothing is written, and then all goes on."""
        task_id = chosen.draw(st.sampled_from(sorted(self.running())))
        before = lifecycle.get_task(self.store, task_id).task
        self.client.replicaof(LOOPBACK, str(NO_SERVER))
        try:
            with pytest.raises(StoreUnavailable):
                reporting.report(self.store, task_id, [0])
            assert lifecycle.get_task(self.store, task_id).task == before
        finally:
            self.client.replicaof("NO", "ONE")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """This machine's clock; what is known of it is put back after the test."""
    made = Machine(time.time_ns)
    monkeypatch.setattr(clock, "_ahead_us", 0)
    monkeypatch.setattr(time, "time_ns", made.time_ns)
    monkeypatch.setattr(leases, "LEASE", timedelta(hours=1))  # ends when the history says so
    return made


def test_any_history_with_faults_agrees_with_the_model(real_client: Redis, machine: Machine) -> None:
    class OnThisServer(WithFaults):
        def __init__(self) -> None:
            machine.ahead = timedelta(0)
            clock.follow(time.time_ns() // 1000)
            super().__init__(real_client)
            self.machine = machine

    run_state_machine_as_test(
        OnThisServer,
        settings=settings(
            deadline=None,
            max_examples=30,
            stateful_step_count=40,
            suppress_health_check=list(HealthCheck),
        ),
    )
