"""A message with steps that fails leaves no lease: it comes again, perhaps to another process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from celery.exceptions import Reject, Retry
from redis.connection import AbstractConnection

from done_app.worker import celery_tasks, worker_app
from done_app.worker import leases as worker_leases
from done_app.worker.monitor.pipe import WORK, Pipe
from done_app.worker.steps import position, runner
from done_app.worker.steps.position import PositionBoard
from done_app.worker.steps.run_counts import RunCounts
from donebit import clock, job, queue
from donebit.completion import fanout, leases
from donebit.completion.leases import Holder, Range
from donebit.completion.state import State
from donebit.completion.task import Task
from donebit.config import Settings
from donebit.demo.ports import free_server_port
from donebit.errors import StoreUnavailable
from donebit.jobs.registry import Job, Jobs
from donebit.queue import Publisher, make_celery
from donebit.store import Store
from tests.completion.arranged import now, start
from tests.losing_way import known_script, losing_way_to
from tests.servers import RunningServer


@job("pass")
def pass_by(step: int) -> None: ...


@pytest.fixture
def task(real_store: Store) -> Task:
    task = start(real_store, 8, job="pass")
    fanout.fan_out(real_store, task, lambda *_: None)
    return now(real_store, task)


@pytest.fixture(autouse=True)
def worker(real_store: Store, valkey: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process of a worker, with its store and its broker on the server."""
    monkeypatch.setattr(worker_app, "store", lambda: real_store)
    monkeypatch.setattr(worker_app, "jobs", lambda: Jobs([Job.from_function(pass_by)]))
    monkeypatch.setattr(worker_app, "publisher", Publisher(make_celery(Settings(redis_url=valkey.url))))


@pytest.fixture(autouse=True)
def message() -> Iterator[None]:
    # Of a message run at once Celery raises that it is to be tried again, and does not send it.
    celery_tasks.run_steps.push_request(id="message-1", called_directly=False, is_eager=True)
    yield
    celery_tasks.run_steps.pop_request()


def test_a_message_that_is_run_leaves_no_lease(real_store: Store, task: Task) -> None:
    celery_tasks.run_steps.run(task.id, task.nonce, [(0, 8)], False)

    assert now(real_store, task).done_steps == 8
    assert real_store.leases.of_task(task.id) == []


def test_what_a_message_came_to_is_sent_in_numbers(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = Pipe()
    monkeypatch.setattr(worker_app.monitor.emitter, "pipe", pipe)
    celery_tasks.run_steps.request.update(headers={queue.DUE: clock.now_ms() - 3000})

    celery_tasks.run_steps.run(task.id, task.nonce, [(0, 8)], False)

    ended = [json.loads(message[1:]) for message in pipe.take() if message.startswith(WORK)][-1]
    (counts,) = (RunCounts(*one) for one in ended[-1])
    pipe.close()
    assert (counts.job, counts.done, sum(counts.times)) == ("pass", 8, 8)
    assert (counts.waited or 0) >= 3


def test_a_broker_that_takes_nothing_leaves_no_lease(
    real_store: Store, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = Settings(redis_url=f"redis://127.0.0.1:{free_server_port()}/0")
    monkeypatch.setattr(worker_app, "publisher", Publisher(make_celery(away, sends_only=True)))
    monkeypatch.setattr(worker_app, "jobs", lambda: Jobs([]))  # so that the steps are sent to another worker

    with pytest.raises(Retry):
        celery_tasks.run_steps.run(task.id, task.nonce, [(0, 8)], False)

    assert real_store.leases.of_task(task.id) == []


def test_a_lost_answer_leaves_no_lease(
    real_store: Store, task: Task, monkeypatch: pytest.MonkeyPatch, valkey: RunningServer
) -> None:
    with losing_way_to(valkey.port) as way:
        monkeypatch.setattr(worker_app, "store", lambda: Store.at(way.url))
        way.lose(known_script(valkey.client, "take_lease"))

        with pytest.raises(Retry):
            celery_tasks.run_steps.run(task.id, task.nonce, [(0, 8)], False)

    assert way.times == 0
    assert real_store.leases.of_task(task.id) == []


def test_a_lost_answer_to_the_last_report_neither_loses_nor_doubles_it(
    real_store: Store, task: Task, monkeypatch: pytest.MonkeyPatch, valkey: RunningServer
) -> None:
    announced: list[str] = []
    monkeypatch.setattr(worker_app.publisher, "announce", announced.append)
    with losing_way_to(valkey.port) as way:
        over = Store.at(way.url)
        monkeypatch.setattr(worker_app, "store", lambda: over)
        way.lose(known_script(valkey.client, "mark_and_release"))

        celery_tasks.run_steps.run(task.id, task.nonce, [(0, 8)], False)

    assert way.times == 0
    assert (now(real_store, task).state, announced) == (State.DONE, [task.id])
    assert real_store.leases.of_task(task.id) == []


@pytest.mark.parametrize("stop", [2, 7])
def test_a_message_takes_two_round_trips(task: Task, monkeypatch: pytest.MonkeyPatch, stop: int) -> None:
    sent: list[object] = []
    send = AbstractConnection.send_packed_command

    def count(connection: AbstractConnection, command: object, *more: object) -> None:
        sent.append(command)
        send(connection, command, *more)  # type: ignore[no-untyped-call]  # the library leaves it untyped

    celery_tasks.run_steps.run(task.id, task.nonce, [(0, 1)], False)  # which loads the scripts
    monkeypatch.setattr(AbstractConnection, "send_packed_command", count)
    celery_tasks.run_steps.run(task.id, task.nonce, [(1, stop)], False)

    assert len(sent) == 2  # the lease with what is missing, and the report with the lease


def test_a_record_that_cannot_be_read_leaves_no_lease_and_is_tried_again(
    real_store: Store, task: Task
) -> None:
    real_store.tasks.update_record(task.id, task.nonce, task.run, {"order": "of a newer version"})

    with pytest.raises(Retry):
        celery_tasks.run_steps.run(task.id, task.nonce, [(0, 8)], False)

    assert real_store.leases.of_task(task.id) == []


def test_steps_left_to_run_are_in_the_lease_until_they_are_sent(
    real_store: Store, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending = PositionBoard()
    ending.end()
    monkeypatch.setattr(position, "SETTLED_AFTER", timedelta(0))
    monkeypatch.setattr(worker_leases, "board", ending)  # so that all of them are left
    ranges = list[list[Range]]()

    def look(*_: object, **__: object) -> None:  # where the process may be killed
        ranges.extend(one.ranges for one in real_store.leases.of_task(task.id))
        held = leases.take(real_store, task.id, task.nonce, Holder("message-3", "host:2-bb", 2), [(0, 8)])
        ranges.append(held.ranges if held else [])

    monkeypatch.setattr(worker_app.publisher, "run_ranges", look)
    celery_tasks.run_steps.run(task.id, task.nonce, [(0, 8)], False)

    assert ranges == [[(0, 8)], [(0, 8)]]  # kept, and free to be taken
    assert [one.message_id for one in real_store.leases.of_task(task.id)] == ["message-3"]


def test_what_is_left_of_a_message_that_killed_a_process_is_run_carefully(
    real_store: Store, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = Holder("message-1", worker_leases.own_holder("").worker, 1)
    leases.take(real_store, task.id, task.nonce, dead, [(0, 8)])
    leases.bury(real_store, task.id, dead, ending=False)
    sent: list[tuple[list[Range], object]] = []

    def note(_: Task, ranges: list[Range], **terms: object) -> None:
        sent.append((ranges, terms["careful"]))

    monkeypatch.setattr(runner, "MAX_RUN_TIME", timedelta(0))  # so that one step is run
    monkeypatch.setattr(worker_app.publisher, "run_ranges", note)
    celery_tasks.run_steps.run(task.id, task.nonce, [(0, 8)], False)

    assert sent == [([(1, 8)], True)]


def test_a_step_to_be_tried_again_is_in_the_lease_until_it_is_sent(
    real_store: Store, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    @job("pass", max_attempts=2)
    def fail_first(step: int) -> None:
        if step == 0:
            raise RuntimeError("not yet")

    held = list[tuple[list[Range], list[Range]]]()

    def look(_: Task, ranges: list[Range], **__: object) -> None:  # where the process may be killed
        held.extend((ranges, one.ranges) for one in real_store.leases.of_task(task.id))

    monkeypatch.setattr(worker_app, "jobs", lambda: Jobs([Job.from_function(fail_first)]))
    monkeypatch.setattr(worker_app.publisher, "run_ranges", look)
    celery_tasks.run_steps.run(task.id, task.nonce, [(0, 8)], False)

    assert held == [([(0, 1)], [(0, 8)])]
    assert real_store.leases.of_task(task.id) == []


def test_a_message_that_the_broker_does_not_take_again_is_given_back() -> None:
    away = Settings(redis_url=f"redis://127.0.0.1:{free_server_port()}/0")
    app = make_celery(away, sends_only=True)

    @app.task(name="interrupted", bind=True, **worker_app.RETRY_OPTIONS)
    def interrupted(_: object) -> None:
        raise StoreUnavailable("Redis cannot be reached")

    interrupted.push_request(id="message-2", called_directly=False, args=[], kwargs={}, delivery_info={})

    with pytest.raises(Reject) as raised:
        interrupted.run()

    assert raised.value.args[1]  # whether it goes back to its queue
