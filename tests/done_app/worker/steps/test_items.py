"""Steps are given their items as the types of the job's function."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Annotated
from uuid import UUID

import pytest
from pydantic import BeforeValidator

from done_app.worker.steps.items import TypedItems
from done_app.worker.steps.reporter import StoreStepReporter
from done_app.worker.steps.runner import Runner
from donebit import job
from donebit.completion import failing, items, lifecycle, results
from donebit.completion.items import ITEMS_PER_CHUNK, ItemReader
from donebit.completion.spec import TaskSpec
from donebit.completion.task import Task
from donebit.errors import ConfigurationError, InvalidInput
from donebit.jobs.registry import Job
from donebit.store import Store
from tests.completion.arranged import HOLDER, TTLS, now
from tests.losing_way import LosingWay, losing_way_to
from tests.servers import RunningServer

KNOWN = {str(number): number for number in range(2 * ITEMS_PER_CHUNK)}
RUNS = [UUID(int=number) for number in range(3)]


@job("hex", keep_results=True, max_attempts=1)
def as_hex(step: int, item: UUID, *, suffix: str = "") -> str:
    return f"{step}.{item.hex}{suffix}"


def look_up(name: str) -> int:
    return KNOWN[name]


@job("looked-up", keep_results=True, max_attempts=1)
def looked_up(step: int, item: Annotated[int, BeforeValidator(look_up)]) -> int:
    return item - step


@job("whatever")
def whatever(step: int, item) -> None:  # type: ignore[no-untyped-def]  # as its author may leave it
    """Take any item."""


@job("named")
def named(step: int, *, item: str) -> None:
    """Take a parameter that is called so."""


def start(store: Store, given: list[object]) -> Task:
    packed = items.pack(given)
    spec = TaskSpec(len(given), "hex", items=packed.digest)
    return lifecycle.start(store, spec, ttls=TTLS, max_steps=9999, items=packed).task


def runner_of(store: Store, task: Task, limit: timedelta | None = None, *, careful: bool = False) -> Runner:
    made = replace(Job.from_function(as_hex), step_timeout=limit)
    assert made.item is not None
    reporter = StoreStepReporter(store, task, made.retry_policy, holder=HOLDER, max_result_bytes=1000)
    return Runner(task, made, reporter, careful, items=TypedItems(ItemReader(store, task), made.item))


def run(store: Store, task: Task) -> dict[int, str]:
    runner_of(store, task).run([(0, task.count)])
    return dict(results.iterate(store, now(store, task)))


def test_an_item_comes_as_what_the_signature_says(store: Store) -> None:
    task = start(store, [str(run) for run in RUNS])

    found = run(store, task)

    assert found == {step: f'"{step}.{one.hex}"' for step, one in enumerate(RUNS)}


@pytest.mark.parametrize(("limit", "careful"), [(None, False), (timedelta(minutes=1), False), (None, True)])
def test_a_step_whose_item_this_worker_cannot_read_goes_back(
    store: Store, limit: timedelta | None, careful: bool
) -> None:
    task = start(store, [str(RUNS[0]), "no uuid", str(RUNS[2])])

    outcome = runner_of(store, task, limit, careful=careful).run([(0, task.count)])

    assert outcome.unfit.ranges == [(1, 2)]
    assert outcome.why_unfit.startswith("job hex does not take items[1]: items[1] is ")
    assert sorted(dict(results.iterate(store, now(store, task)))) == [0, 2]
    assert (now(store, task).failed_attempts, store.failures.attempts(task.id, [1])) == (0, [0])


def test_a_validator_that_raises_fails_its_step_and_mixes_up_no_items(store: Store) -> None:
    given: list[object] = [f"{step}" for step in range(2 * ITEMS_PER_CHUNK)]
    given[ITEMS_PER_CHUNK] = "unknown"
    task = start(store, given)

    made = Job.from_function(looked_up)
    assert made.item is not None
    reporter = StoreStepReporter(store, task, made.retry_policy, holder=HOLDER, max_result_bytes=10**6)
    Runner(task, made, reporter, items=TypedItems(ItemReader(store, task), made.item)).run([(0, task.count)])

    found = dict(results.iterate(store, now(store, task)))
    (failure,) = failing.list_failures(store, now(store, task), limit=9).failures
    assert (failure.step, failure.error) == (ITEMS_PER_CHUNK, "KeyError: 'unknown'")
    assert (len(found), set(found.values())) == (len(given) - 1, {"0"})


def run_over(store: Store, way: LosingWay, task: Task, limit: timedelta | None = None) -> dict[int, str]:
    """Run a task's steps, whose items are read over this way."""
    made = replace(Job.from_function(as_hex), step_timeout=limit)
    assert made.item is not None
    reporter = StoreStepReporter(store, task, made.retry_policy, holder=HOLDER, max_result_bytes=1000)
    reader = ItemReader(Store.at(way.url, prefix=store.keys.prefix), task)
    Runner(task, made, reporter, items=TypedItems(reader, made.item)).run([(0, task.count)])
    return dict(results.iterate(store, now(store, task)))


def test_an_outage_when_items_are_read_fails_no_step(real_store: Store, valkey: RunningServer) -> None:
    task = start(real_store, [str(run) for run in RUNS])
    with losing_way_to(valkey.port) as way:
        way.lose("XREVRANGE", times=2)
        found = run_over(real_store, way, task)

    assert (way.times, min(found)) == (0, 0)
    assert now(real_store, task).failed_attempts == 0


def test_waiting_for_items_does_not_count_as_the_time_of_a_step(
    real_store: Store, valkey: RunningServer
) -> None:
    task = start(real_store, [str(RUNS[0])])
    with losing_way_to(valkey.port) as way:
        way.lose("XREVRANGE", times=2)  # so that 0.3 s pass
        found = run_over(real_store, way, task, timedelta(seconds=0.2))

    assert sorted(found) == [0]


def test_item_is_the_input_only_as_the_second_positional_parameter() -> None:
    assert Job.from_function(as_hex).item is not None
    assert Job.from_function(whatever).item is not None
    assert Job.from_function(named).item is None
    assert Job.from_function(named).convert_params({"item": "a"}) == {"item": "a"}
    with pytest.raises(InvalidInput, match="item is the step's input and cannot be given"):
        Job.from_function(as_hex).convert_params({"item": "a"})


def test_an_item_of_a_type_that_json_cannot_be_is_refused_at_once() -> None:
    class Connection:
        """No JSON."""

    @job("wrong")
    def wrong(step: int, item: Connection) -> None: ...

    with pytest.raises(ConfigurationError, match="job wrong: its parameters cannot be read from JSON"):
        Job.from_function(wrong)
