"""Any sequence of what can happen to a few tasks, against a plain Python model of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from fakeredis import FakeRedis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from redis import Redis

from donebit.completion import announcing, failing, lifecycle, reporting, results, resuming
from donebit.completion.resuming import Extension
from donebit.completion.spec import TaskSpec
from donebit.completion.state import State
from donebit.completion.task import Task
from donebit.errors import Conflict, InvalidInput, NotFound
from donebit.retry_policy import RetryPolicy
from donebit.store import Store, keys
from tests.completion import arranged
from tests.completion.arranged import TTLS
from tests.completion.model import Model
from tests.conftest import keys_without_ttl

IDS = ("a", "b")
COUNTS = st.integers(0, 18)
STEPS = st.lists(st.integers(0, 17), max_size=6)
RANGES = st.lists(st.tuples(st.integers(0, 17), st.integers(1, 18)).filter(lambda r: r[0] < r[1]), max_size=2)
# Of some calls the token was another's before: the same call made again, or one that should not be.
TOKENS = st.one_of(st.sampled_from(["one", "another"]), st.uuids().map(str))
POLICIES = st.builds(RetryPolicy, st.integers(0, 3), st.just(timedelta(0)))
STRAYS = st.sampled_from([[], [], [], [-1], [18], [2**31]])


class Completion(RuleBasedStateMachine):
    """Two task ids on one server; every rule compares its answer, every step the whole state."""

    def __init__(self, client: Redis) -> None:
        super().__init__()
        client.flushall()
        self.client, self.store = client, Store.on(client)
        self.models: dict[str, Model] = {}
        self.tasks: dict[str, Task] = {}
        self.outdated: list[Task] = []  # earlier ones of the ids
        self.remains: set[str] = set()  # expired ones whose records still stand

    @rule(task_id=st.sampled_from(IDS), count=COUNTS, opened=st.booleans())
    def start(self, task_id: str, count: int, opened: bool) -> None:
        known, spec = self.models.get(task_id), TaskSpec(count, open=opened)
        if known and (known.ordered, known.ordered_open) != (count, opened):
            with pytest.raises(Conflict):
                lifecycle.start(self.store, spec, task_id=task_id, ttls=TTLS, max_steps=18)
            return
        started = lifecycle.start(self.store, spec, task_id=task_id, ttls=TTLS, max_steps=18)
        assert started.fresh is (known is None)
        if known is None:
            self.models[task_id], self.tasks[task_id] = Model(count, open=opened), started.task
            self.remains.discard(task_id)

    @rule(task_id=st.sampled_from(IDS), steps=STEPS, ranges=RANGES, strays=STRAYS, token=TOKENS)
    def report(
        self,
        task_id: str,
        steps: list[int],
        ranges: list[tuple[int, int]],
        strays: list[int],
        token: str,
    ) -> None:
        named = steps + strays
        model = self.models.get(task_id)
        in_ranges = {step for first, after in ranges for step in range(first, after)}
        if model is None:  # (of an expired task the record may still say how far its steps went)
            with pytest.raises((NotFound, InvalidInput) if task_id in self.remains else NotFound):
                reporting.report(self.store, task_id, named, ranges)
        elif not {*named, *in_ranges} <= set(range(model.count)):
            with pytest.raises(InvalidInput):
                reporting.report(self.store, task_id, named, ranges)
        else:
            report = reporting.report(self.store, task_id, named, ranges, token=token)
            assert (report.fresh, report.completed_task) == model.report(set(named), in_ranges, token)
            assert (report.state, report.missing_steps, report.failed_steps, report.count) == (
                model.state,
                model.left,
                len(model.failed),
                model.count,
            )

    @precondition(lambda self: self.models)
    @rule(chosen=st.data(), steps=STEPS, value=st.integers(), token=TOKENS)
    def report_results(self, chosen: st.DataObject, steps: list[int], value: int, token: str) -> None:
        task_id = chosen.draw(st.sampled_from(sorted(self.models)))
        model = self.models[task_id]
        found = {step: value for step in steps if step < model.count}
        runs = results.runs_of((step, str(value)) for step in found)
        report = reporting.report_results(self.store, task_id, runs, max_bytes=10**6, token=token)
        assert (report.fresh, report.completed_task) == model.report_results(found, token)
        assert (report.state, report.missing_steps, report.failed_steps) == (
            model.state,
            model.left,
            len(model.failed),
        )

    @precondition(lambda self: self.models)
    @rule(chosen=st.data(), token=TOKENS)
    def report_what_is_missing(self, chosen: st.DataObject, token: str) -> None:
        task_id = chosen.draw(st.sampled_from(sorted(self.models)))
        model = self.models[task_id]
        ranges = arranged.missing_ranges(self.store, self.tasks[task_id])
        report = reporting.report(self.store, task_id, ranges=ranges, token=token)
        assert (report.fresh, report.completed_task) == model.report(set(), model.missing, token)

    @precondition(lambda self: self.models)
    @rule(chosen=st.data(), steps=STEPS)
    def other_hands_set_bits(self, chosen: st.DataObject, steps: list[int]) -> None:
        task_id = chosen.draw(st.sampled_from(sorted(self.models)))
        model = self.models[task_id]
        if model.state is State.DONE:  # there is no bitmap that they could know of
            return
        bits = [step for step in steps if step < model.count]
        arranged.set_by_other_hands(self.client, self.tasks[task_id], *bits)
        model.bits.update(bits)

    @precondition(lambda self: self.models)
    @rule(chosen=st.data())
    def recount(self, chosen: st.DataObject) -> None:
        task_id = chosen.draw(st.sampled_from(sorted(self.models)))
        model = self.models[task_id]
        report = reporting.recount(self.store, self.tasks[task_id])
        assert (report.fresh, report.completed_task) == (0, model.recount())
        assert (report.state, report.missing_steps) == (model.state, model.left)
        assert report.failed_steps == len(model.failed)

    @precondition(lambda self: self.models)
    @rule(chosen=st.data(), policy=POLICIES, token=TOKENS, counted=st.booleans())
    def fail(self, chosen: st.DataObject, policy: RetryPolicy, token: str, counted: bool) -> None:
        task_id = chosen.draw(st.sampled_from(sorted(self.models)))
        model = self.models[task_id]
        if not model.count:
            return
        step = chosen.draw(st.integers(0, model.count - 1))
        failure = failing.fail(
            self.store,
            task_id,
            step,
            "boom",
            policy,
            token=token,
            attempt=failing.COUNTED_AHEAD if counted else failing.COUNTED_NOW,
        )
        assert (failure.attempts, failure.gave_up, failure.completed_task) == model.fail(
            step, token, policy.max_attempts, count_attempt=not counted
        )

    @precondition(lambda self: self.models)
    @rule(chosen=st.data())
    def fail_tell_and_resume(self, chosen: st.DataObject) -> None:
        """A whole life: by chance alone few get as far."""
        task_id = chosen.draw(st.sampled_from(sorted(self.models)))
        model = self.models[task_id]
        for _ in range(2):
            for step in sorted(model.missing) * 2:  # each call made again
                failure = failing.fail(self.store, task_id, step, "boom", token=f"of {step}")
                expected = model.fail(step, f"of {step}", 0, count_attempt=True)
                assert (failure.attempts, failure.gave_up, failure.completed_task) == expected
            self.announce(task_id)
            self.resume(task_id)

    @precondition(lambda self: self.models)
    @rule(chosen=st.data(), max_attempts=st.integers(1, 3), made_already=st.booleans())
    def begin_attempt(self, chosen: st.DataObject, max_attempts: int, made_already: bool) -> None:
        task_id = chosen.draw(st.sampled_from(sorted(self.models)))
        model = self.models[task_id]
        if not model.count:
            return
        step = chosen.draw(st.integers(0, model.count - 1))
        nonce = self.tasks[task_id].nonce
        attempt = self.store.failures.begin_attempt(
            task_id, nonce, step, max_attempts=max_attempts, made_already=made_already
        )
        assert attempt == model.begin_attempt(step, max_attempts, made_already=made_already)

    @rule(task_id=st.sampled_from(IDS))
    def announce(self, task_id: str) -> None:
        model, told = self.models.get(task_id), list[str]()
        announcing.announce(self.store, task_id, lambda task: told.append(task.end_name))
        ends_now = model is not None and model.announce()
        assert told == ([f"{task_id}.{model.run}.{model.state}"] if model and ends_now else [])

    @rule(task_id=st.sampled_from(IDS))
    def resume(self, task_id: str) -> None:
        model = self.models.get(task_id)
        if model is None or model.state not in {State.FAILED, State.CANCELLED}:
            with pytest.raises(NotFound if model is None else Conflict):
                resuming.resume(self.store, task_id, TTLS)
            return
        model.resume()
        assert resuming.resume(self.store, task_id, TTLS).state is model.state

    @precondition(lambda self: self.models)
    @rule(chosen=st.data(), count=COUNTS)
    def extend(self, chosen: st.DataObject, count: int) -> None:
        task_id = chosen.draw(st.sampled_from(sorted(self.models)))
        model = self.models[task_id]
        if model.state is not State.RUNNING or count <= model.count:
            with pytest.raises((Conflict, InvalidInput)):
                resuming.extend(self.store, task_id, Extension(count), max_steps=18)
            return
        resuming.extend(self.store, task_id, Extension(count), max_steps=18)
        model.extend(count)

    @rule(task_id=st.sampled_from(IDS))
    def close(self, task_id: str) -> None:
        model = self.models.get(task_id)
        if model is None or model.state is not State.RUNNING or not model.open:
            with pytest.raises(NotFound if model is None else Conflict):
                resuming.close(self.store, task_id)
            return
        task, ended = resuming.close(self.store, task_id)
        assert ended is model.close("the call that closed it")
        assert task.state is model.state

    @rule(task_id=st.sampled_from(IDS))
    def cancel(self, task_id: str) -> None:
        model = self.models.get(task_id)
        if model is None or model.state is not State.RUNNING:
            with pytest.raises(NotFound if model is None else Conflict):
                lifecycle.cancel(self.store, task_id)
            return
        assert lifecycle.cancel(self.store, task_id).state is State.CANCELLED
        model.cancel()

    @rule(task_id=st.sampled_from(IDS))
    def delete(self, task_id: str) -> None:
        if task_id in self.models:
            del self.models[task_id]
            self.outdated.append(self.tasks.pop(task_id))
        elif task_id in self.remains:  # what is left of an expired task can go at once
            self.remains.remove(task_id)
        else:
            with pytest.raises(NotFound):
                lifecycle.delete(self.store, task_id)
            return
        lifecycle.delete(self.store, task_id)

    @precondition(lambda self: self.models)
    @rule(chosen=st.data())
    def expire(self, chosen: st.DataObject) -> None:
        task_id = chosen.draw(st.sampled_from(sorted(self.models)))
        task, model = self.tasks.pop(task_id), self.models.pop(task_id)
        self.outdated.append(task)
        if model.state is State.DONE:  # its tombstone is all that there was
            self.client.delete(keys.record(task_id))
            return
        arranged.expire(self.client, task)
        self.remains.add(task_id)

    @precondition(lambda self: self.outdated)
    @rule(chosen=st.data())
    def report_to_an_earlier_task_of_that_id(self, chosen: st.DataObject) -> None:
        old = chosen.draw(st.sampled_from(self.outdated))
        with pytest.raises(NotFound):
            reporting.report(self.store, old.id, [0], nonce=old.nonce)

    @invariant()
    def the_store_says_what_the_model_says(self) -> None:
        for task_id in IDS:
            model = self.models.get(task_id)
            if model is None:
                with pytest.raises(NotFound):
                    lifecycle.get_task(self.store, task_id)
                continue
            sight = lifecycle.get_task(self.store, task_id)
            assert (sight.task.state, sight.task.missing_steps) == (model.state, model.left)
            assert sight.task.failed_steps == len(model.failed)
            assert sight.reading.done is (len(model.bits) == model.count)
            kept = {step: int(text) for step, text in results.iterate(self.store, sight.task)}
            assert (kept, sight.task.results) == (model.results, len(model.results))
            missing = {s for a, b in arranged.missing_ranges(self.store, sight.task) for s in range(a, b)}
            assert missing == model.missing

    @invariant()
    def whatever_is_not_told_is_looked_after(self) -> None:
        untold = {task_id for task_id, model in self.models.items() if not model.announced}
        assert {task_id for task_id in untold if self.store.task_index.next_look(task_id) is None} == set()

    @invariant()
    def no_key_stays_for_ever(self) -> None:
        assert keys_without_ttl(self.client) == set()


def check(client: Redis, **profile: Any) -> None:
    class OnThisServer(Completion):
        def __init__(self) -> None:
            super().__init__(client)

    run_state_machine_as_test(
        OnThisServer, settings=settings(deadline=None, suppress_health_check=list(HealthCheck), **profile)
    )


def test_any_sequence_agrees_with_the_model_on_fakeredis() -> None:
    with FakeRedis(version=(7, 0)) as client:
        check(client, max_examples=20, stateful_step_count=30)


def test_any_sequence_agrees_with_the_model_on_a_real_server(real_client: Redis) -> None:
    check(real_client, max_examples=70, stateful_step_count=30)
