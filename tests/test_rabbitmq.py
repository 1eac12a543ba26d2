"""Messages on RabbitMQ: confirmed, delayed by the broker, and in queues named after the installation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from kombu.exceptions import OperationalError

from donebit import clock, queue, rabbitmq
from donebit.completion import lifecycle
from donebit.completion.spec import TaskSpec
from donebit.completion.task import Task
from donebit.config import Settings
from donebit.demo.ports import free_server_port
from donebit.errors import BrokerUnavailable
from donebit.priority import NORMAL
from donebit.queue import CONTROL, QUEUES, STEPS, Publisher
from donebit.queue_lengths import read_lengths
from donebit.store import Store
from donebit.web.task_answer import signs
from donebit.workers import presence
from donebit.workers.presence import ProcessActivity, Worker
from tests.completion.arranged import TTLS
from tests.rabbit import RunningRabbit
from tests.started import eventually

OPERATIONS = Path(__file__).parents[1] / "docs" / "operations.md"


def settings_of(rabbit: RunningRabbit, prefix: str = "donebit:") -> Settings:
    return Settings(redis_url="redis://127.0.0.1:1/0", broker_url=rabbit.url, key_prefix=prefix)


@pytest.fixture
def app(rabbit: RunningRabbit) -> Iterator[Celery]:
    """An application whose queues are empty and whose delays are declared, as a worker has it."""
    with patient(settings_of(rabbit)) as app:
        assert isinstance(app, rabbitmq.RabbitCelery)
        app.declare_queues(delays=True)
        purge(app)
        yield app


def patient(settings: Settings, *, prefixed: bool = True) -> Celery:
    """An application that a busy broker may keep waiting for a connection."""
    app = queue.make_celery(settings, prefixed=prefixed)
    app.conf.broker_connection_timeout = 20
    return app


def purge(app: Celery) -> None:
    with app.connection_for_write() as connection:
        for one in app.amqp.queues.values():
            one(connection.default_channel).purge()


@pytest.fixture
def task(real_store: Store) -> Task:
    return lifecycle.start(real_store, TaskSpec(9, "demo"), ttls=TTLS, max_steps=9).task


def received(app: Celery, name: str) -> Any:
    """The first message of a queue, taken out of it; None when there is none."""
    with app.connection_for_read() as connection:
        message = app.amqp.queues[name](connection.default_channel).get()
        if message is not None:
            message.ack()
        return message


def await_received(app: Celery, name: str) -> Any:
    found: list[Any] = []

    def came() -> bool:
        with suppress(OperationalError):  # a busy broker may not take a connection in time
            found.append(received(app, name))
        return bool(found) and found[-1] is not None

    eventually(came, 20, what=f"no message came to {name}")
    return found[-1]


def test_each_message_waits_in_its_queue_and_is_counted(
    app: Celery, rabbit: RunningRabbit, task: Task, real_store: Store
) -> None:
    publisher = Publisher(app)

    publisher.announce(task.id)
    publisher.run_ranges(task, [(3, 4)])
    publisher.run_ranges(task, [(0, 9)])
    publisher.run_ranges(task, [(0, 9)])

    settings = settings_of(rabbit)
    eventually(
        lambda: read_lengths(real_store, settings) == dict(zip(QUEUES, (1, 0, 0, 1, 2), strict=True)),
        what="other lengths",
    )
    assert received(app, CONTROL).headers["task"] == queue.ANNOUNCE


def test_a_delayed_message_holds_up_none_that_is_due(app: Celery, task: Task) -> None:
    publisher = Publisher(app)

    publisher.run_ranges(task, [(1, 2)], pause=timedelta(milliseconds=1100))
    publisher.run_ranges(task, [(5, 6)])

    assert [await_received(app, STEPS).payload[0][2] for _ in range(2)] == [[[5, 6]], [[1, 2]]]


def test_a_retried_message_goes_to_the_queue_it_came_through(app: Celery, task: Task) -> None:
    Publisher(app).run_ranges(task, [(1, 2)], pause=timedelta(milliseconds=100))

    message = await_received(app, STEPS)

    assert message.delivery_info["routing_key"].count(".") == 28
    assert queue.queue_came_through(app, message.delivery_info) == STEPS


def test_a_deleted_queue_is_declared_again_by_the_next_message(app: Celery, task: Task) -> None:
    publisher = Publisher(app)
    publisher.run_ranges(task, [(1, 2)])
    with app.connection_for_write() as connection:
        app.amqp.queues[STEPS](connection.default_channel).delete()

    publisher.run_ranges(task, [(5, 6)])

    assert await_received(app, STEPS).payload[0][2] == [[5, 6]]


def test_a_delay_before_any_worker_ran_is_kept(app: Celery, task: Task) -> None:
    with app.connection_for_write() as connection:
        channel: Any = connection.default_channel
        for level in range(28):
            channel.exchange_delete(f"celery_delayed_{level}")

    Publisher(app).run_ranges(task, [(1, 2)], pause=timedelta(milliseconds=100))

    assert await_received(app, STEPS).payload[0][2] == [[1, 2]]


@pytest.mark.parametrize("other_prefix", ["shop.donebit:", "#.donebit:", "%", "shop:"])
def test_delayed_messages_of_another_installation_stay_there(
    app: Celery, rabbit: RunningRabbit, task: Task, other_prefix: str
) -> None:
    with patient(settings_of(rabbit, other_prefix)) as other:
        assert isinstance(other, rabbitmq.RabbitCelery)
        other.declare_queues(delays=True)
        purge(other)

        Publisher(other).run_ranges(task, [(1, 2)], pause=timedelta(milliseconds=100))

        assert await_received(other, STEPS).payload[0][2] == [[1, 2]]
        assert {name: received(app, name) for name in QUEUES} == dict.fromkeys(QUEUES)


def test_a_call_of_another_application_needs_its_queue(app: Celery, rabbit: RunningRabbit) -> None:
    with (
        patient(settings_of(rabbit), prefixed=False) as others,
        app.connection_for_write() as connection,
    ):
        channel: Any = connection.default_channel
        channel.queue_delete("reports")
        with pytest.raises(BrokerUnavailable, match="the broker has no queue reports"):
            queue.send_to_another(others, "reports.finished", [{}], "reports", "an-id")
        channel.queue_declare("reports", durable=True, arguments={"x-max-length": 9})  # as only it knows

        queue.send_to_another(others, "reports.finished", [{}], "reports", "an-id")

        assert channel.basic_get("reports").headers["id"] == "an-id"


def test_a_broker_that_is_away_is_told_soon(task: Task, real_store: Store) -> None:
    url = f"amqp://guest:guest@127.0.0.1:{free_server_port()}//"
    settings = Settings(redis_url="redis://127.0.0.1:1/0", broker_url=url)

    with pytest.raises(BrokerUnavailable, match=r"^the broker does not take messages$"):
        Publisher(queue.make_celery(settings, sends_only=True)).dispatch(task)
    assert read_lengths(real_store, settings) is None


def is_announced(publisher: Publisher, task: Task) -> bool:
    with suppress(BrokerUnavailable):
        publisher.announce(task.id)
        return True
    return False


def test_a_frozen_broker_takes_no_message(rabbit: RunningRabbit, task: Task) -> None:
    with queue.make_celery(settings_of(rabbit), sends_only=True) as sender:
        publisher = Publisher(sender)
        eventually(lambda: is_announced(publisher, task), what="it does not connect")
        rabbit.freeze()
        try:
            with pytest.raises(BrokerUnavailable):
                publisher.announce(task.id)
        finally:
            rabbit.thaw()
        eventually(lambda: is_announced(publisher, task), what="the broker takes no more messages")


def test_a_user_with_the_documented_permissions_is_enough(rabbit: RunningRabbit, task: Task) -> None:
    (pattern,) = re.findall(r"`(\^\(donebit:.*?)` for each of the three", OPERATIONS.read_text())
    rabbit.control("add_user", "limited", "secret")
    rabbit.control("set_permissions", "limited", pattern, pattern, pattern)
    url = rabbit.url.replace("guest:guest", "limited:secret")
    settings = Settings(redis_url="redis://127.0.0.1:1/0", broker_url=url)

    with patient(settings, prefixed=False) as others:
        with pytest.raises(BrokerUnavailable, match=r"does not take messages: .*ACCESS_REFUSED"):
            queue.send_to_another(others, "reports.finished", [{}], "reports", "an-id")
        rabbit.control("set_permissions", "limited", pattern, f"{pattern}|^amq.default$", pattern)
        with pytest.raises(BrokerUnavailable, match="has no queue nowhere"):
            queue.send_to_another(others, "reports.finished", [{}], "nowhere", "an-id")
    with patient(settings) as app:
        assert isinstance(app, rabbitmq.RabbitCelery)
        app.declare_queues(delays=True)
        purge(app)
        Publisher(app).run_ranges(task, [(1, 2)], pause=timedelta(milliseconds=100))

        assert await_received(app, STEPS).payload[0][2] == [[1, 2]]


@pytest.mark.parametrize(("tasks", "queued"), [(["a", None], 0), (["a", "b"], 1)])
@pytest.mark.usefixtures("app")
def test_messages_may_wait_in_a_worker_without_an_idle_process(
    rabbit: RunningRabbit, real_store: Store, tasks: list[str | None], queued: int
) -> None:
    settings, now = settings_of(rabbit), clock.now()
    eventually(
        lambda: not any((read_lengths(real_store, settings) or {"": 1}).values()), what="messages left"
    )
    activities = tuple(ProcessActivity(number, task_id) for number, task_id in enumerate(tasks))
    worker = Worker("here:7", "here", 7, 2, (), now, now, activities)
    presence.save(real_store, worker.name, state=worker.to_json(), steps={}, lines=[])

    eventually(lambda: signs(real_store, settings, NORMAL).queued == queued, what="it says another number")
