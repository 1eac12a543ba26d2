"""Whoever asked to be told of an end is told, by the real thing."""

from __future__ import annotations

import sys
from typing import Any

from tests.receiver import receiving, status
from tests.stack import Stack, ask
from tests.started import eventually

IN_TIME = 40.0
WORKER = (sys.executable, "-m", "celery", "--app", "tests.integration.own_callbacks", "worker")


def deliveries(stack: Stack, task_id: str) -> list[Any]:
    return list(stack.answer(task_id)["deliveries"])


def test_a_webhook_is_told_of_the_end_signed_and_under_its_id(stack: Stack) -> None:
    with receiving() as receiver:
        task_id = stack.create(3, job="demo", params={"sleep_ms": 0}, label="night", webhook=receiver.url)
        eventually(lambda: receiver.requests, IN_TIME, what="nothing was told")

    request = receiver.requests[0]
    assert request.end == f"{task_id}.1.done"
    assert request.id == deliveries(stack, task_id)[0]["announcement_id"]
    assert request.event["type"] == "task.done"
    assert request.event["data"]["label"] == "night"
    assert request.event["data"]["done_steps"] == 3
    assert (request.event["data"]["results"], request.event["data"]["results_path"]) == (0, None)


def test_a_webhook_is_told_where_the_results_are(stack: Stack) -> None:
    with receiving() as receiver:
        task_id = stack.create_items(["a", "bc"], job="length", webhook=receiver.url)
        eventually(lambda: receiver.requests, IN_TIME, what="nothing was told")

    data = receiver.requests[0].event["data"]
    assert (data["results"], data["results_path"]) == (2, f"/tasks/{task_id}/results")
    assert ask("GET", stack.done + data["results_path"]).status == 200


def test_every_attempt_at_a_webhook_is_seen_in_the_answer(stack: Stack) -> None:
    with receiving(status(500), status(204)) as receiver:
        task_id = stack.create(1, job="demo", params={"sleep_ms": 0}, webhook={"url": receiver.url})
        eventually(lambda: len(receiver.requests) == 2, IN_TIME, what="it was not sent again")
        eventually(lambda: deliveries(stack, task_id)[0]["outcome"] == "delivered", IN_TIME)

    (delivery,) = deliveries(stack, task_id)
    assert [attempt["said"] for attempt in delivery["attempts"]] == ["answered 500", "answered 204"]
    assert receiver.ends == [f"{task_id}.1.done"] * 2
    assert delivery["next_attempt_at"] is None


def test_only_the_ends_that_were_asked_for_are_told(stack: Stack) -> None:
    with receiving() as receiver:
        task_id = stack.create(1, webhook={"url": receiver.url, "on": ["failed", "cancelled"]})
        ask("POST", f"{stack.done}/tasks/{task_id}/failures", {"step": 0, "error": "no"})
        eventually(lambda: receiver.ends == [f"{task_id}.1.failed"], IN_TIME, what="the failure was not told")
        ask("POST", f"{stack.done}/tasks/{task_id}/resume")
        ask("PUT", f"{stack.done}/tasks/{task_id}/steps/0")
        stack.await_told(task_id, times=2)
        other = stack.create(1, webhook={"url": receiver.url, "on": ["failed", "cancelled"]})
        ask("POST", f"{stack.done}/tasks/{other}/cancel")
        eventually(lambda: len(receiver.requests) == 2, IN_TIME, what="the cancellation was not told")

    assert receiver.ends == [f"{task_id}.1.failed", f"{other}.1.cancelled"]


def test_a_celery_function_is_called_under_the_announcements_id(stack: Stack) -> None:
    worker = stack.started("callbacks", (*WORKER, "--concurrency", "1", "--loglevel", "warning"))
    called = stack.folder("callbacks") / "called"
    try:
        task_id = stack.create(2, job="demo", params={"sleep_ms": 0}, callback={"name": "reports.finished"})
        eventually(lambda: called.exists() and called.read_text(), IN_TIME, what="it was not called")
    finally:
        worker.end()
    # That it was sent is saved afterwards.
    eventually(lambda: deliveries(stack, task_id)[0]["attempts"], IN_TIME, what="no attempt is saved")

    (delivery,) = deliveries(stack, task_id)
    assert called.read_text() == f"{delivery['announcement_id']} task.done 2\n"
    assert delivery["attempts"][0]["said"] == "sent to the queue celery"


def test_a_task_without_steps_is_done_and_what_follows_runs(stack: Stack) -> None:
    step = {"count": 2, "job": "demo", "params": {"sleep_ms": 0}}

    first = stack.create(0, job="demo", then={**step, "count": 0, "then": step})
    eventually(lambda: deliveries(stack, first) and deliveries(stack, first)[0]["attempts"], IN_TIME)
    second = deliveries(stack, first)[0]["to"]
    eventually(lambda: deliveries(stack, second) and deliveries(stack, second)[0]["attempts"], IN_TIME)
    third = deliveries(stack, second)[0]["to"]
    stack.await_told(third)

    assert [stack.task(one).state for one in (first, second, third)] == ["done"] * 3
    assert [stack.task(one).count for one in (first, second, third)] == [0, 0, 2]


def test_tasks_follow_one_another(stack: Stack) -> None:
    step = {"count": 2, "job": "demo", "params": {"sleep_ms": 0}}

    first = stack.create(**step, then={**step, "then": {**step, "count": 3}})  # type: ignore[arg-type]  # the count is a number
    eventually(lambda: deliveries(stack, first) and deliveries(stack, first)[0]["attempts"], IN_TIME)
    second = deliveries(stack, first)[0]["to"]
    stack.await_told(second)
    eventually(lambda: deliveries(stack, second) and deliveries(stack, second)[0]["attempts"], IN_TIME)
    third = deliveries(stack, second)[0]["to"]
    stack.await_told(third)

    assert [stack.task(one).state for one in (first, second, third)] == ["done"] * 3
    assert stack.task(third).count == 3
    assert len({first, second, third}) == 3
