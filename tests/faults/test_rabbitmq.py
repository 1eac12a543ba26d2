"""RabbitMQ as the broker: killed, cut off and impatient with long steps. Nothing is lost or counted twice.

tests/faults/torture/test_rabbitmq.py does it under load.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from donebit import queue
from tests.clusters import Cluster
from tests.conftest import wrong_keys
from tests.faults.test_leases import await_begun, runs
from tests.integration.priorities import NORMAL_TASKS, STEPS_EACH, normal_steps_done_before_high
from tests.rabbit import CONSUMER_TIMEOUT, RunningRabbit
from tests.stack import DONE_SECONDS, Stack, ask, started_stack
from tests.started import eventually, say
from tests.torture import Healed

SENT = 40  # messages, many times what the worker takes at once
NEVER = 3600.0  # a stall_after, in seconds: nothing is sent again


def test_a_task_runs_once_and_failed_steps_are_tried_again(rabbit_stack: Stack, tmp_path: Path) -> None:
    task_id = rabbit_stack.create(40, job="hesitant", params={"folder": str(tmp_path)}, stall_after=NEVER)

    rabbit_stack.await_told(task_id)

    answer = rabbit_stack.answer(task_id)
    assert (answer["state"], answer["heals"]) == ("done", 0)
    assert {int(one.name): one.read_text() for one in tmp_path.iterdir()} == dict.fromkeys(
        range(40), "run\nrun\n"
    )


def await_served(stack: Stack) -> float:
    """How long it takes until a new task has run, in seconds."""
    began = time.monotonic()
    task_id = stack.create(1, job="demo", params={"sleep_ms": 0}, stall_after=NEVER)
    stack.await_told(task_id)
    return time.monotonic() - began


def test_a_killed_broker_and_cut_connections_cost_no_step_on_a_cluster(
    rabbit: RunningRabbit, cluster: Cluster, tmp_path: Path
) -> None:
    with started_stack(tmp_path, cluster.url, BROKER_URL=rabbit.url) as stack:
        params = {"folder": str(stack.folder("noted")), "pause_ms": 20}
        task_id = stack.create(400, job="note", params=params, batch=20, stall_after=2)
        stack.await_progress(task_id, 20)
        rabbit.end()
        rabbit.start()
        stack.await_progress(task_id, 200)
        rabbit.cut_connections()
        stack.await_told(task_id)
        answer, told = stack.answer(task_id), stack.told(task_id)
        wrong = [one for node in cluster.primaries for one in wrong_keys(node.client)]
    cluster.flush()

    assert {int(one.name) for one in (tmp_path / "noted").iterdir()} == set(range(400))
    assert (answer["state"], answer["failed_attempts"], wrong) == ("done", 0, [])
    assert set(told) == {f"{task_id}.1.done"}


def test_a_step_whose_connection_is_cut_runs_once_and_is_no_failure(
    rabbit_stack: Stack, rabbit: RunningRabbit, tmp_path: Path, healed: Healed
) -> None:
    task_id = rabbit_stack.create(
        1, job="long", params={"folder": str(tmp_path), "seconds": 8}, stall_after=NEVER
    )
    await_begun(tmp_path, 0)

    rabbit.cut_connections()
    healed(await_served(rabbit_stack))

    rabbit_stack.await_told(task_id)
    answer = rabbit_stack.answer(task_id)
    assert (answer["state"], answer["failed_attempts"], answer["heals"]) == ("done", 0, 0)
    assert runs(tmp_path) == {0: 1}
    assert rabbit_stack.told(task_id) == [f"{task_id}.1.done"]


def test_a_step_beyond_the_consumer_timeout_runs_once(rabbit_stack: Stack, tmp_path: Path) -> None:
    seconds = (CONSUMER_TIMEOUT + timedelta(seconds=4)).total_seconds()
    task_id = rabbit_stack.create(
        1, job="long", params={"folder": str(tmp_path), "seconds": seconds}, stall_after=NEVER
    )
    await_begun(tmp_path, 0)
    eventually(lambda: "PRECONDITION_FAILED" in rabbit_stack.log, DONE_SECONDS, what="no timeout")

    assert await_served(rabbit_stack) < DONE_SECONDS
    rabbit_stack.await_told(task_id)

    answer = rabbit_stack.answer(task_id)
    assert (answer["state"], answer["failed_attempts"], answer["heals"]) == ("done", 0, 0)
    assert runs(tmp_path) == {0: 1}
    assert rabbit_stack.worker.process.poll() is None


def test_a_high_task_does_not_wait_behind_a_thousand_normal_steps(rabbit_stack: Stack) -> None:
    done = normal_steps_done_before_high(rabbit_stack)

    say(f"RabbitMQ: {done} normal steps were done before all of a high priority")
    assert done < NORMAL_TASKS * STEPS_EACH / 4


def lengths(stack: Stack) -> Mapping[str, Any]:
    """The messages that wait, by queue; none where a busy broker does not say it in time."""
    found = ask("GET", f"{stack.done}/workers").said
    return {one["queue"]: one["messages"] for one in found["queues"]}


def test_waiting_messages_are_counted_and_named(rabbit_stack: Stack, rabbit: RunningRabbit) -> None:
    rabbit_stack.kill_worker()
    task_id = rabbit_stack.create(300, job="demo", batch=10)

    eventually(lambda: lengths(rabbit_stack).get(queue.CONTROL), DONE_SECONDS, what="nothing waits")
    metrics = [ask("GET", f"{base}/metrics") for base in rabbit_stack.services().values()]

    assert {one.status for one in metrics} == {200}
    names = set(rabbit.control("list_queues", "name").split()) - {"name"}
    assert {f"donebit:{name}" for name in queue.QUEUES} <= names
    rabbit_stack.start()
    rabbit_stack.await_told(task_id, swept=True)
    eventually(lambda: not sum(lengths(rabbit_stack).values()), DONE_SECONDS, what="messages are left")


def test_what_no_process_has_begun_goes_back_at_sigterm(rabbit_stack: Stack, rabbit: RunningRabbit) -> None:
    """The broker sends again what is given back, until it knows that nothing more is taken."""
    os.kill(rabbit_stack.processes()["beat"], signal.SIGTERM)  # its sweeps would be counted too
    eventually(lambda: "beat" not in rabbit_stack.processes() and waiting(rabbit) == 0, DONE_SECONDS)
    for pid in rabbit_stack.worker.family() - {rabbit_stack.worker.process.pid}:
        os.kill(pid, signal.SIGSTOP)
    for _ in range(SENT):
        rabbit_stack.publisher.announce("nobody")
    eventually(lambda: 0 < waiting(rabbit) < SENT, DONE_SECONDS, what="the worker takes none")

    rabbit_stack.worker.send(signal.SIGTERM)

    eventually(lambda: waiting(rabbit) == SENT, DONE_SECONDS, what="the worker keeps some")
    assert rabbit_stack.worker.process.poll() is None  # it waits for its processes


def waiting(rabbit: RunningRabbit) -> int:
    """Messages for the worker that nobody has."""
    listed = rabbit.control("list_queues", "name", "messages_ready").split()
    return int(listed[listed.index(f"donebit:{queue.CONTROL}") + 1])
