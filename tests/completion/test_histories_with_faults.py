"""The model's histories of tasks, while clocks are wrong and Redis fails over."""

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
from donebit.completion import lifecycle, reporting
from donebit.completion.state import State
from donebit.errors import StoreUnavailable
from tests.completion.test_model import Completion

SKEWS = st.sampled_from([0, 6, -6, 3600, -3600]).map(lambda seconds: timedelta(seconds=seconds))
NO_SERVER = 1  # a port that nothing listens on


@dataclass
class Machine:
    """This machine's clock, as far ahead of the right one as it is set."""

    right: Callable[[], int]
    ahead: timedelta = field(default=timedelta(0))

    def time_ns(self) -> int:
        return self.right() + self.ahead // timedelta(microseconds=1) * 1000


class WithFaults(Completion):
    """The same tasks, with a clock that is set, and a server that changes."""

    machine: Machine

    def running(self) -> list[str]:
        return [one for one, model in self.models.items() if model.state is State.RUNNING and model.count]

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
