"""Which message waits in which queue, and how messages are handled."""

from __future__ import annotations

import json
import threading
from base64 import b64decode
from typing import Any

import pytest
from redis import Redis

from donebit import queue
from donebit.completion import lifecycle
from donebit.completion.fanout import Slice
from donebit.completion.spec import TaskSpec
from donebit.completion.task import Task
from donebit.config import Settings
from donebit.demo.ports import free_server_port
from donebit.errors import BrokerUnavailable
from donebit.priority import Priority
from donebit.queue import (
    CONTROL,
    HIGH_SLICES,
    HIGH_STEPS,
    QUEUES,
    SLICES,
    STEPS,
    Publisher,
    make_celery,
)
from donebit.store import Store, keys
from donebit.web.task_answer import signs
from tests.completion.arranged import TTLS
from tests.losing_way import losing_way_to
from tests.servers import RunningServer


@pytest.fixture
def publisher(valkey: RunningServer) -> Publisher:
    return Publisher(make_celery(Settings(redis_url=valkey.url)))


@pytest.fixture
def task(real_store: Store) -> Task:
    return lifecycle.start(real_store, TaskSpec(9, "demo"), ttls=TTLS, max_steps=9).task


def waiting(client: Redis, name: str) -> list[tuple[str, list[Any]]]:
    """The messages of a queue: what each asks for, and with what."""
    messages = [json.loads(text) for text in client.lrange(keys.of_broker(name), 0, -1)]
    return [(one["headers"]["task"], json.loads(b64decode(one["body"]))[0]) for one in messages]


def test_bookkeeping_has_a_queue_of_its_own(publisher: Publisher, task: Task, real_client: Redis) -> None:
    publisher.dispatch(task)
    publisher.announce(task.id)

    assert sorted(waiting(real_client, CONTROL)) == [
        (queue.ANNOUNCE, [task.id]),
        (queue.DISPATCH, [task.id, task.nonce, 0]),
    ]
    assert real_client.llen(keys.of_broker(STEPS)) == real_client.llen(keys.of_broker(SLICES)) == 0


def test_what_celery_reports_of_its_settings_has_no_password() -> None:
    app = make_celery(Settings(redis_url="redis://me:hush@example.org:7/3"))

    report = app.conf.humanize(with_defaults=False, censored=True)

    assert "example.org" in report
    assert "hush" not in report


def test_single_steps_do_not_wait_behind_slices(publisher: Publisher, task: Task, real_client: Redis) -> None:
    publisher.run_slices(task, [Slice(3, 4)])
    publisher.run_slices(task, [Slice(4, 9)])

    assert waiting(real_client, STEPS) == [(queue.RUN_STEPS, [task.id, task.nonce, [[3, 4]], False])]
    assert waiting(real_client, SLICES) == [(queue.RUN_STEPS, [task.id, task.nonce, [[4, 9]], False])]


def test_every_message_with_steps_says_since_when_it_waits(
    publisher: Publisher, task: Task, real_client: Redis
) -> None:
    publisher.run_slices(task, [Slice(3, 4)])
    publisher.run_ranges(task, [(4, 5)])

    messages = [json.loads(text) for text in real_client.lrange(keys.of_broker(STEPS), 0, -1)]
    waited = [queue.waited_seconds(one["headers"]) for one in messages]
    assert len([one for one in waited if one is not None and one < 60]) == 2


def test_slices_are_sent_in_one_write_and_in_order(
    publisher: Publisher, task: Task, real_client: Redis
) -> None:
    publisher.run_slices(task, [Slice(8, 9)])  # connects, and names the queue
    real_client.delete(keys.of_broker(STEPS))
    before = int(real_client.info("stats")["total_reads_processed"])

    publisher.run_slices(task, [Slice(step, step + 1) for step in range(9)] * 10, careful=True)

    # Some tens of kilobytes are read in as many pieces as have come: on a busy machine some are small.
    reads = int(real_client.info("stats")["total_reads_processed"]) - before
    sent = [args[2] for _, args in reversed(waiting(real_client, STEPS))]
    assert sent == [[[step, step + 1]] for step in range(9)] * 10
    assert {args[3] for _, args in waiting(real_client, STEPS)} == {True}
    assert reads < 45  # a write for each slice is read 90 times


def test_slices_are_sent_again_when_the_answer_to_them_is_lost(
    valkey: RunningServer, task: Task, real_client: Redis
) -> None:
    with losing_way_to(valkey.port) as way:
        publisher = Publisher(make_celery(Settings(redis_url=way.url)))
        publisher.run_slices(task, [Slice(8, 9)])
        way.lose("LPUSH")

        publisher.run_slices(task, [Slice(0, 1), Slice(1, 2)])

        assert way.times == 0
    sent = [args[2] for _, args in reversed(waiting(real_client, STEPS))]
    assert sent[-2:] == [[[0, 1]], [[1, 2]]]


def test_slices_that_no_broker_takes_are_refused_soon(task: Task) -> None:
    away = Publisher(make_celery(Settings(redis_url=f"redis://127.0.0.1:{free_server_port()}/0")))

    with pytest.raises(BrokerUnavailable):
        away.run_slices(task, [Slice(0, 1), Slice(1, 2)])


@pytest.mark.own_keys("shop:*")
def test_messages_of_another_prefix_wait_in_queues_of_their_own(
    valkey: RunningServer, task: Task, real_client: Redis
) -> None:
    shop = Settings(redis_url=valkey.url, key_prefix="shop:")
    Publisher(make_celery(shop)).announce(task.id)

    assert waiting(real_client, CONTROL) == []
    assert Store.on(real_client, "shop:").heartbeats.queue_lengths((CONTROL,)) == [1]
    make_celery(shop, prefixed=False).send_task("reports.finished", queue="celery")
    assert real_client.llen("celery") == 1  # where another application's worker looks
    real_client.delete("celery", "_kombu.binding.celery", "_kombu.binding_permanent.celery")


def test_a_probe_waits_where_the_steps_do(publisher: Publisher, task: Task, real_client: Redis) -> None:
    publisher.probe(task)
    publisher.probe(task, [SLICES])

    progress_ms = round(task.last_progress_at.timestamp() * 1000)
    assert waiting(real_client, STEPS) == [(queue.PROBE, [task.id, task.nonce, progress_ms, 0, [SLICES]])]
    assert waiting(real_client, SLICES) == [(queue.PROBE, [task.id, task.nonce, progress_ms, 0, []])]


def test_steps_of_a_high_priority_have_queues_of_their_own(
    publisher: Publisher, real_store: Store, real_client: Redis
) -> None:
    task = lifecycle.start(real_store, TaskSpec(9, "demo", priority="high"), ttls=TTLS, max_steps=9).task

    publisher.run_slices(task, [Slice(3, 4), Slice(4, 9)])
    publisher.run_ranges(task, [(0, 1)], careful=True)
    publisher.probe(task)

    lengths = dict(zip(QUEUES, real_store.heartbeats.queue_lengths(QUEUES), strict=True))
    assert lengths == {CONTROL: 0, STEPS: 0, SLICES: 0, HIGH_STEPS: 3, HIGH_SLICES: 1}
    probe, *_ = waiting(real_client, HIGH_STEPS)
    assert (probe[0], probe[1][-1]) == (queue.PROBE, [HIGH_SLICES])


@pytest.mark.parametrize(("priority", "queued"), [("high", 1), ("normal", 0)])
def test_a_task_waits_for_the_messages_of_its_own_priority(
    publisher: Publisher, real_store: Store, valkey: RunningServer, priority: Priority, queued: int
) -> None:
    task = lifecycle.start(real_store, TaskSpec(9, "demo", priority="high"), ttls=TTLS, max_steps=9).task
    publisher.run_ranges(task, [(0, 1)])

    assert signs(real_store, Settings(redis_url=valkey.url), priority).queued == queued


def test_a_broker_that_is_away_is_told_soon(task: Task) -> None:
    away = Publisher(make_celery(Settings(redis_url=f"redis://127.0.0.1:{free_server_port()}/0")))

    with pytest.raises(BrokerUnavailable, match=r"^the broker does not take messages$"):
        away.dispatch(task)


def test_a_broker_of_its_own_is_used_where_one_is_set(valkey: RunningServer) -> None:
    settings = Settings(redis_url="redis://127.0.0.1:1/0", broker_url=valkey.url)

    assert make_celery(settings).conf.broker_url == valkey.url


def test_a_message_is_kept_until_its_work_is_done_and_no_result_is() -> None:
    conf = make_celery(Settings()).conf

    assert (conf.task_acks_late, conf.task_reject_on_worker_lost) == (True, True)
    assert conf.task_ignore_result is True
    assert conf.accept_content == ["json"]


def test_no_message_expires_by_another_machines_clock() -> None:
    (entry,) = make_celery(Settings()).conf.beat_schedule.values()

    assert entry["options"] == {"queue": CONTROL}


def test_a_message_is_sent_when_the_answer_that_names_its_queue_is_lost(
    valkey: RunningServer, task: Task, real_client: Redis
) -> None:
    with losing_way_to(valkey.port) as way:
        publisher = Publisher(make_celery(Settings(redis_url=way.url)))
        publisher.announce(task.id)  # connects
        way.lose("SADD")  # by which each process names a queue before its first message to it

        publisher.run_slices(task, [Slice(0, 9)])

        assert way.times == 0
    assert waiting(real_client, SLICES) == [(queue.RUN_STEPS, [task.id, task.nonce, [[0, 9]], False])]


def test_a_message_is_received_when_the_answer_to_its_record_is_lost(
    valkey: RunningServer, publisher: Publisher, task: Task, real_client: Redis
) -> None:
    publisher.announce(task.id)
    with (
        losing_way_to(valkey.port) as way,
        make_celery(Settings(redis_url=way.url)).connection_for_read() as connection,
    ):
        channel: Any = connection.default_channel
        way.lose("unacked_index")  # where it is recorded until it is acknowledged

        message = channel.basic_get(CONTROL)

        assert way.times == 0
        assert message.headers["task"] == queue.ANNOUNCE
        message.ack()
    assert real_client.hlen(keys.of_broker("unacked")) == 0


def test_a_message_received_as_its_broker_becomes_a_replica_is_recorded(
    valkey: RunningServer, publisher: Publisher, task: Task, real_client: Redis
) -> None:
    publisher.announce(task.id)
    with make_celery(Settings(redis_url=valkey.url)).connection_for_read() as connection:
        channel: Any = connection.default_channel
        message = channel.basic_get(CONTROL, no_ack=True)  # out of its queue, and not recorded
        real_client.replicaof("127.0.0.1", "1")  # where nothing listens: it keeps its data
        back = threading.Timer(0.5, real_client.replicaof, ("NO", "ONE"))
        back.start()

        try:
            channel.qos.append(message, message.delivery_tag)
        finally:
            back.join()

        assert real_client.hlen(keys.of_broker("unacked")) == 1
        channel.qos.ack(message.delivery_tag)
