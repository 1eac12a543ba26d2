"""Any lives and deaths of processes with a task's messages: no step is lost, run twice or counted wrongly."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from redis import Redis

from donebit.completion import failing, leases, lifecycle, reclaiming, reporting, resuming
from donebit.completion.leases import Range
from donebit.completion.state import State
from donebit.retry_policy import RetryPolicy
from donebit.store import Store, keys
from donebit.store.lease_values import Holder, Renewal
from tests.completion.arranged import TTLS, start
from tests.completion.model import NOBODY, Model

COUNT = 12
POLICY = RetryPolicy(3, timedelta(0))
GONE = timedelta(0)
MESSAGES = ("one", "two", "three")
SPANS = st.tuples(st.integers(0, COUNT - 1), st.integers(1, 4)).map(lambda one: (one[0], one[0] + one[1]))
FATES = (
    "run_on",
    "finish",
    "die",
    "die_at_the_end",
    "be_killed",
    "be_killed_at_the_end",
    "be_killed_with_another",
)


class Leased(RuleBasedStateMachine):
    """A task whose steps are run by processes of three messages, each a worker's."""

    def __init__(self, client: Redis) -> None:
        super().__init__()
        client.flushall()
        self.client, self.store = client, Store.on(client)
        self.task, self.model = start(self.store, COUNT, job="demo"), Model(COUNT)
        self.held: dict[str, Range] = {}  # by the message
        self.begun: dict[str, int] = {}  # the step whose attempt was counted beforehand
        self.dead: set[str] = set()  # messages at which a process died

    @rule(
        message=st.sampled_from(MESSAGES),
        span=SPANS,
        step=st.integers(0, COUNT - 1),
        fate=st.sampled_from(FATES),
    )
    def a_message_is_worked_at(self, message: str, span: Range, step: int, fate: str) -> None:
        if message not in self.held:
            self.take(message, span[0], min(span[1], COUNT))
        if message in self.held:  # unless the task has ended, or others have all of its steps
            if step in range(*self.held[message]):
                self.begin(message, step)
            getattr(self, fate)(message)

    @rule(steps=st.lists(st.integers(0, COUNT - 2), max_size=2))
    def steps_are_done(self, steps: list[int]) -> None:
        """But for the last one, so that the task does not end in each history."""
        reporting.report(self.store, self.task.id, steps)
        self.model.report(set(steps), set(), NOBODY)

    @precondition(lambda self: self.model.state is State.RUNNING)
    @rule()
    def it_is_cancelled(self) -> None:
        lifecycle.cancel(self.store, self.task.id)
        self.model.cancel()

    @precondition(lambda self: self.model.state is State.CANCELLED)
    @rule()
    def it_is_resumed(self) -> None:
        resuming.resume(self.store, self.task.id, TTLS)
        self.model.resume()

    def take(self, message: str, first: int, after: int) -> None:
        of_others = {step for one in self.held.values() for step in range(*one)}
        free = [step for step in range(first, after) if step not in of_others]

        held = leases.take(self.store, self.task.id, self.task.nonce, holder(message), [(first, after)])

        assert (held is not None) is (self.model.state is State.RUNNING)
        if held is not None:
            assert steps_of(held.ranges) == free
            assert held.died is (message in self.dead)
            if len(held.ranges) == 1:
                self.held[message] = held.ranges[0]
                self.dead.discard(message)
            elif held.ranges:  # about others' steps; one range is enough to see what becomes of it
                leases.release(self.store, self.task.id, holder(message))
                self.dead.discard(message)

    def begin(self, message: str, step: int) -> None:
        """Count an attempt beforehand; the same call made again counts none."""
        before = attempt = self.model.tried[step]
        is_running = self.model.state is State.RUNNING
        if not (is_running and before and self.begun.get(message) == step):
            attempt = self.model.begin_attempt(step, POLICY.max_attempts, made_already=False)

        counted = failing.begin_attempt(self.store, self.task, step, POLICY, message_id=message)

        assert counted == attempt
        if self.model.tried[step] > before:
            self.begun[message] = step

    def run_on(self, message: str) -> None:
        """It is still held when other things happen, and whoever looks leaves it alone."""
        self.store.leases.index(self.task.id, {message: 0})
        if self.model.state is State.RUNNING:
            assert self.reclaimed() == []

    def finish(self, message: str) -> None:
        leases.release(self.store, self.task.id, holder(message))
        del self.held[message]
        self.begun.pop(message, None)

    def die(self, message: str) -> None:
        """Its process dies, and the worker sees it: the message comes again by itself."""
        self.bury(message, ending=False)
        self.dead.add(message)

    def die_at_the_end(self, message: str) -> None:
        """Its process dies as its worker ends, which is no failure of the step."""
        self.bury(message, ending=True)

    def bury(self, message: str, *, ending: bool) -> None:
        leases.bury(self.store, self.task.id, holder(message), ending=ending)
        del self.held[message]
        self.forget_attempt(message, taken_back=ending)
        self.store.leases.index(self.task.id, {message: 0})  # as it was entered, once that has run out
        assert self.reclaimed() == []

    def be_killed(self, message: str) -> None:
        """Its worker is gone, and another one sends its steps."""
        self.lapse(message, ending=False)
        self.reclaim(message, ending=False)

    def be_killed_at_the_end(self, message: str) -> None:
        self.lapse(message, ending=True)
        self.reclaim(message, ending=True)

    def be_killed_with_another(self, message: str) -> None:
        """So is the one that was about to send its steps; a third one does, a while later."""
        self.lapse(message, ending=True)
        if self.store.leases.reclaim_lease(self.task.id, message):
            assert self.reclaimed() == []
            self.client.delete(keys.reclaiming(self.task.id, message))
            self.store.leases.index(self.task.id, {message: 0})
        self.reclaim(message, ending=True)

    def lapse(self, message: str, *, ending: bool) -> None:
        renewals = [Renewal(holder(message), self.held[message][0], GONE)]
        assert self.store.leases.renew_leases(self.task.id, renewals, GONE, ending=ending)

    def reclaim(self, message: str, *, ending: bool) -> None:
        is_running = self.model.state is State.RUNNING
        lost = [step for step in range(*self.held.pop(message)) if is_running and step in self.model.missing]

        assert self.reclaimed() == lost

        assert self.reclaimed() == []
        self.forget_attempt(message, taken_back=ending and is_running)

    def reclaimed(self) -> list[int]:
        sent: list[Range] = []
        reclaiming.reclaim_lapsed(self.store, lambda _, ranges, __: sent.extend(ranges))
        return steps_of(sent)

    def forget_attempt(self, message: str, *, taken_back: bool) -> None:
        step = self.begun.pop(message, None)
        if step is not None and self.model.state is State.RUNNING:
            tried = self.model.tried[step]
            self.model.tried[step] = max(0, tried - 1) if taken_back else tried
            assert self.store.failures.attempts(self.task.id, [step]) == [self.model.tried[step]]


def holder(message: str) -> Holder:
    return Holder(message, f"host:{MESSAGES.index(message)}/aa", 1)


def steps_of(ranges: list[Range]) -> list[int]:
    return [step for start, stop in ranges for step in range(start, stop)]


def test_any_history_of_leases_agrees_with_the_model(
    real_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "LEASE", timedelta(minutes=5))  # each ends when the history says so

    class OnThisServer(Leased):
        def __init__(self) -> None:
            super().__init__(real_client)

    run_state_machine_as_test(
        OnThisServer,
        settings=settings(
            max_examples=40, stateful_step_count=40, suppress_health_check=list(HealthCheck), deadline=None
        ),
    )
