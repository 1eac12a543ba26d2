"""Whoever is told by webhook is down, slow or broken, or those who tell it die: it is told all the same."""

from __future__ import annotations

import signal
from typing import Any

from donebit.completion import reporting
from donebit.store import keys
from tests.faults.test_outage import freeze, kill, thaw
from tests.receiver import Receiver, receiving, silence, status
from tests.stack import Stack, ask
from tests.started import eventually

IN_TIME = 40.0


def create_ended(stack: Stack, receiver: Receiver, **webhook: object) -> str:
    """A task that was done at once, and of which the receiver is to be told."""
    task_id = stack.create(1, webhook={"url": receiver.url, **webhook})
    assert ask("PUT", f"{stack.done}/tasks/{task_id}/steps/0").status == 200
    return task_id


def delivery(stack: Stack, task_id: str) -> Any:
    (one,) = stack.answer(task_id)["deliveries"]
    return one


def await_attempts(stack: Stack, task_id: str, number: int) -> None:
    eventually(lambda: stack.answer(task_id).get("deliveries"), IN_TIME, what="nothing is owed")
    what = f"{number} attempts were not made"
    eventually(lambda: len(delivery(stack, task_id)["attempts"]) >= number, IN_TIME, what=what)


def hurry(stack: Stack, task_id: str, end: str = "done") -> None:
    """The pause before the next attempt, or the lease of one under way, is over."""
    stack.server.client.zadd(keys.pending("webhook"), {f"{task_id}:1:{end}:webhook": 0}, xx=True)


def await_outcome(stack: Stack, task_id: str, outcome: str = "delivered") -> list[str]:
    """What was said at each attempt, once it has come to this."""
    eventually(lambda: delivery(stack, task_id)["outcome"] == outcome, IN_TIME, what=f"it is not {outcome}")
    return [attempt["said"] for attempt in delivery(stack, task_id)["attempts"]]


def test_a_receiver_that_is_down_for_a_while_is_told_when_it_is_up(stack: Stack) -> None:
    with receiving() as gone:
        pass
    task_id = create_ended(stack, gone)
    await_attempts(stack, task_id, 1)

    with receiving(port=gone.port) as back:
        hurry(stack, task_id)
        said = await_outcome(stack, task_id)

    assert "Connection refused" in said[0]
    assert said[-1] == "answered 204"
    assert back.ends == [f"{task_id}.1.done"]
    assert f"webhook to {gone.url}, again at" in stack.log


def test_a_receiver_that_answers_500_is_told_again_until_it_takes_it(stack: Stack) -> None:
    with receiving(status(500), status(503), status(200)) as receiver:
        task_id = create_ended(stack, receiver)
        for attempts in (1, 2):
            await_attempts(stack, task_id, attempts)
            hurry(stack, task_id)
        said = await_outcome(stack, task_id)

    assert said == ["answered 500", "answered 503", "answered 200"]
    assert receiver.ends == [f"{task_id}.1.done"] * 3
    assert all(request.event["data"]["task_id"] == task_id for request in receiver.requests)


def test_a_receiver_that_redirects_is_told_itself_and_nobody_else(stack: Stack) -> None:
    with receiving() as other, receiving() as receiver:
        receiver.answers = [status(307, Location=other.url), status(204)]
        task_id = create_ended(stack, receiver)
        await_attempts(stack, task_id, 1)
        hurry(stack, task_id)
        said = await_outcome(stack, task_id)

    assert said == ["answered 307 and redirects, which is not followed", "answered 204"]
    assert other.requests == []


def test_a_receiver_that_wants_no_more_is_given_up_loudly(stack: Stack) -> None:
    with receiving(status(410)) as receiver:
        task_id = create_ended(stack, receiver)
        eventually(lambda: stack.answer(task_id).get("deliveries"), IN_TIME)
        said = await_outcome(stack, task_id, "given up")

    assert said == ["answered 410 Gone"]
    assert len(receiver.requests) == 1
    assert f"webhook to {receiver.url} is given up [{task_id}.1.done]" in stack.log


def test_receivers_that_never_answer_hold_up_neither_steps_nor_other_kinds(stack: Stack) -> None:
    after = {"then": {"count": 1, "job": "demo", "params": {"sleep_ms": 0}}}
    step = {"job": "demo", "params": {"sleep_ms": 0}}
    with receiving(silence) as receiver:
        slow = [create_ended(stack, receiver) for _ in range(10)]
        eventually(lambda: len(receiver.requests) >= 8, IN_TIME, what="they are not told at once")

        task_id = stack.create(3, **step, **after)
        stack.await_told(task_id)
        eventually(lambda: delivery(stack, task_id)["outcome"] == "delivered", IN_TIME)
        stack.await_told(delivery(stack, task_id)["to"])
        receiver.answers = [status(204)]
        held = [one for one in slow if not delivery(stack, one)["attempts"]]

    assert len(held) == 10


def test_a_worker_told_to_end_waits_for_no_receiver(stack: Stack) -> None:
    with receiving(silence) as receiver:
        task_id = create_ended(stack, receiver)
        eventually(lambda: receiver.requests, IN_TIME, what="nothing was sent")
        ended = stack.worker
        before = len(ended.out), len(ended.err)  # the worker was others' too, and may have told of an outage

        ended.send(signal.SIGTERM)

        assert ended.exit_code(10) == 0
        receiver.answers = [status(204)]
        stack.start()
        hurry(stack, task_id)
        await_outcome(stack, task_id)

    assert "cannot be" not in ended.out[before[0] :] + ended.err[before[1] :]
    assert set(receiver.ends) == {f"{task_id}.1.done"}


def test_a_killed_workers_delivery_is_sent_by_the_next_after_its_lease(stack: Stack) -> None:
    with receiving(silence) as receiver:
        task_id = create_ended(stack, receiver)
        eventually(lambda: receiver.requests, IN_TIME, what="nothing was sent")

        stack.kill_worker()
        kept = delivery(stack, task_id)
        receiver.answers = [status(204)]
        stack.start()
        hurry(stack, task_id)
        said = await_outcome(stack, task_id)

    assert (kept["outcome"], kept["attempts"]) == ("pending", [])
    assert said == ["answered 204"]
    assert receiver.ends == [f"{task_id}.1.done"] * 2


def test_an_end_whose_worker_died_before_it_was_owed_is_told(stack: Stack) -> None:
    with receiving() as receiver:
        task_id = stack.create(1, webhook=receiver.url)
        stack.kill_worker()

        assert reporting.report(stack.store, task_id, [0]).completed_task  # and here its worker dies
        stack.start()

        stack.await_told(task_id, swept=True)
        await_outcome(stack, task_id)

    assert receiver.ends == [f"{task_id}.1.done"]


def test_an_end_whose_announcer_died_is_announced_after_its_lease(stack: Stack) -> None:
    with receiving() as receiver:
        task_id = stack.create(1, webhook=receiver.url)
        stack.kill_worker()
        reporting.report(stack.store, task_id, [0])
        record = keys.record(task_id)
        stack.server.client.hset(record, "announcing_at", 1)  # taken, and its lease is over

        stack.start()
        stack.await_told(task_id, swept=True)
        await_outcome(stack, task_id)

    assert receiver.ends == [f"{task_id}.1.done"]


def test_redis_killed_while_something_is_owed_forgets_none_of_it(stack: Stack) -> None:
    with receiving(status(500)) as receiver:
        tasks = [create_ended(stack, receiver) for _ in range(5)]
        for task_id in tasks:
            await_attempts(stack, task_id, 1)
        receiver.answers, receiver.requests = [status(204)], []

        kill(stack.server)
        stack.server.start()
        for task_id in tasks:
            hurry(stack, task_id)
            said = await_outcome(stack, task_id)
            assert (said[0], said[-1]) == ("answered 500", "answered 204")

    assert set(receiver.ends) == {f"{task_id}.1.done" for task_id in tasks}


def test_redis_frozen_while_something_is_sent_costs_no_delivery(stack: Stack) -> None:
    def freeze_and_take(handler: Any) -> None:
        freeze(stack.server)
        status(204)(handler)

    with receiving(freeze_and_take, status(204)) as receiver:
        task_id = create_ended(stack, receiver)
        eventually(lambda: receiver.requests, IN_TIME, what="nothing was sent")
        not_kept = (
            f"the result of delivering {task_id}:1:done:webhook could not be saved: Redis cannot be reached"
        )
        eventually(lambda: not_kept in stack.log, IN_TIME)
        thaw(stack.server)
        hurry(stack, task_id)
        await_outcome(stack, task_id)

    assert set(receiver.ends) == {f"{task_id}.1.done"}
