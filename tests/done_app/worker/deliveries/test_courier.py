"""Ends are told by threads beside the pool: many at once, and whatever goes wrong with one harms no other."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from done_app.worker.deliveries import courier
from done_app.worker.deliveries.courier import MAX_THREADS, Courier, NotDelivered, Send
from done_app.worker.deliveries.webhooks import WebhookSender
from donebit.completion import deliveries
from donebit.completion.deliveries import DeliveryView
from donebit.completion.delivery import Delivery, DeliveryOutcome, DeliveryRefused
from donebit.completion.spec import Callback, Webhook
from donebit.completion.task import Task
from donebit.errors import StoreUnavailable
from donebit.store import Store
from donebit.store.deliveries import DeliveryStore, Name
from tests.completion.arranged import start_done
from tests.receiver import SECRET, Answer, receiving, status
from tests.started import eventually

MANY = 200


def owe(store: Store, url: str = "http://hooks.example.org/", **asked: object) -> Task:
    task = start_done(store, 1, **{"webhook": Webhook(url), **asked})
    deliveries.enqueue(store, task)
    return task


def shown(store: Store, task: Task, kind: str = "webhook") -> DeliveryView:
    (one,) = [one for one in deliveries.list_deliveries(store, task) if one.kind == kind]
    return one


def outcome(store: Store, task: Task, kind: str = "webhook") -> DeliveryOutcome:
    return shown(store, task, kind).delivery.outcome


def said(store: Store, task: Task) -> list[str]:
    return [attempt.result for attempt in shown(store, task).delivery.attempts]


def settle(one: Courier) -> None:
    """One look, and whatever it set going."""
    one.start_due()
    eventually(lambda: not one.in_progress, what="an attempt does not end")


def raising(*errors: Exception) -> Send:
    """Fails so, one after the other; then it is sent."""
    left = list(errors)

    def send(_: Delivery) -> str:
        if left:
            raise left.pop(0)
        return "sent"

    return send


def make_due(store: Store, task: Task) -> None:
    store.deliveries.try_again(Name(task.id, 1, "done", "webhook"), 0)


@pytest.mark.parametrize(
    "error", [NotDelivered("answered 500"), ValueError("unforeseen"), KeyError(), StoreUnavailable("away")]
)
def test_whatever_a_way_raises_is_an_attempt_that_failed_and_is_made_again(
    real_store: Store, error: Exception
) -> None:
    task = owe(real_store)
    one = Courier(real_store, "webhook", raising(error))

    settle(one)
    make_due(real_store, task)
    settle(one)

    assert said(real_store, task) == [str(error) or type(error).__name__, "sent"]
    assert outcome(real_store, task) is DeliveryOutcome.DELIVERED


def test_what_is_refused_is_given_up_at_once_and_loudly(
    real_store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    task = owe(real_store)

    settle(Courier(real_store, "webhook", raising(DeliveryRefused("answered 410"))))

    assert (outcome(real_store, task), said(real_store, task)) == (DeliveryOutcome.GIVEN_UP, ["answered 410"])
    (line,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert f"is given up [{task.id}.1.done]: answered 410" in line.getMessage()


STORE_CALLS = ["take_delivery", "text", "note_delivery", "remove_if_score"]


@pytest.mark.parametrize("call", STORE_CALLS)
def test_redis_away_at_any_moment_costs_no_delivery(
    real_store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, call: str
) -> None:
    task = owe(real_store)
    sent: list[str] = []

    def send(delivery: Delivery) -> str:
        sent.append(delivery.end_name)
        return "sent"

    one = Courier(real_store, "webhook", send)
    away(monkeypatch, call)

    settle(one)
    make_due(real_store, task)  # the lease is over
    settle(one)

    assert outcome(real_store, task) is DeliveryOutcome.DELIVERED
    assert set(sent) == {f"{task.id}.1.done"}
    assert deliveries.list_due(real_store, "webhook", 1) == []
    assert "could not be saved: Redis cannot be reached" in caplog.text


def test_redis_away_when_an_attempt_failed_costs_no_delivery(
    real_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = owe(real_store)
    one = Courier(real_store, "webhook", raising(NotDelivered("no")))
    away(monkeypatch, "try_again")

    settle(one)
    make_due(real_store, task)
    settle(one)

    assert said(real_store, task) == ["no", "sent"]


def away(monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """Redis cannot be reached when this is called next."""
    whole = getattr(DeliveryStore, call)

    def unavailable(*_: object, **__: object) -> None:
        monkeypatch.setattr(DeliveryStore, call, whole)
        raise StoreUnavailable("Redis cannot be reached")

    monkeypatch.setattr(DeliveryStore, call, unavailable)


class Over(BaseException):
    """The test is: a courier goes on for ever."""


@contextmanager
def running(one: Courier, monkeypatch: pytest.MonkeyPatch, pause_seconds: float = 0.01) -> Iterator[None]:
    """As in the worker's main process, until the test is over."""
    over = threading.Event()
    look = one.start_due

    def look_unless_over() -> bool:
        if over.is_set():
            raise Over
        return look()

    def run_until_over() -> None:
        with suppress(Over):
            one.run_forever()

    monkeypatch.setattr(courier, "CHECK_EVERY_SECONDS", pause_seconds)
    monkeypatch.setattr(Courier, "start_due", lambda _: look_unless_over())
    thread = threading.Thread(target=run_until_over)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(10)


@pytest.mark.parametrize("error", [StoreUnavailable("Redis cannot be reached"), ValueError("unforeseen")])
def test_looking_goes_on_whatever_goes_wrong_with_a_look(
    real_store: Store, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    task = owe(real_store)
    whole = DeliveryStore.due

    def fails_once(*_: object) -> list[Name]:
        monkeypatch.setattr(DeliveryStore, "due", whole)
        raise error

    monkeypatch.setattr(DeliveryStore, "due", fails_once)
    with running(Courier(real_store, "webhook", raising()), monkeypatch):
        eventually(lambda: outcome(real_store, task) is DeliveryOutcome.DELIVERED)


def test_an_attempt_for_which_there_is_no_thread_is_made_at_the_next_look(
    real_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, one = owe(real_store), Courier(real_store, "webhook", raising())

    def fails(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as without_threads:
        without_threads.setattr(threading.Thread, "start", fails)
        with pytest.raises(RuntimeError):
            one.start_due()
    settle(one)

    assert outcome(real_store, task) is DeliveryOutcome.DELIVERED


def held_until(free: threading.Event) -> Answer:
    answer = status(204)

    def held(handler: object) -> None:
        assert free.wait(30)
        answer(handler)  # type: ignore[arg-type]  # passed on as it came

    return held


def test_a_slow_receiver_keeps_no_other_kind_waiting(real_store: Store) -> None:
    free = threading.Event()
    with receiving(held_until(free)) as slow:
        tasks = [
            owe(real_store, slow.url, callback=Callback("reports.finished")) for _ in range(MAX_THREADS + 1)
        ]
        webhooks = Courier(real_store, "webhook", WebhookSender(["127.0.0.1"], [SECRET]).send)
        callbacks = Courier(real_store, "callback", raising())

        webhooks.start_due()
        eventually(lambda: len(slow.requests) == MAX_THREADS)
        webhooks.start_due()
        for _ in range(2):
            settle(callbacks)
        free_while_held = {outcome(real_store, task, "callback") for task in tasks}
        asked_meanwhile = len(slow.requests)
        free.set()
        eventually(lambda: not webhooks.in_progress)

    assert free_while_held == {DeliveryOutcome.DELIVERED}
    assert asked_meanwhile == MAX_THREADS


def test_hundreds_of_ends_reach_a_slow_receiver_once_each(
    real_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    tired = threading.Event()

    def slow(handler: object) -> None:
        tired.wait(0.01)
        status(204)(handler)  # type: ignore[arg-type]  # passed on as it came

    with receiving(slow) as receiver:
        tasks = [owe(real_store, receiver.url) for _ in range(MANY)]
        with running(
            Courier(real_store, "webhook", WebhookSender(["127.0.0.1"], [SECRET]).send), monkeypatch
        ):
            eventually(lambda: real_store.deliveries.pending_counts()["webhook"] == 0, 60)

    assert sorted(receiver.ends) == sorted(f"{task.id}.1.done" for task in tasks)


def test_of_several_couriers_one_tries_each(real_store: Store) -> None:
    sent: list[str] = []
    tasks = [owe(real_store) for _ in range(50)]

    def send(delivery: Delivery) -> str:
        sent.append(delivery.end_name)
        return "sent"

    couriers = [Courier(real_store, "webhook", send) for _ in range(4)]
    while real_store.deliveries.pending_counts()["webhook"]:
        for one in couriers:
            one.start_due()
    for one in couriers:
        eventually(lambda one=one: not one.in_progress)  # type: ignore[misc]  # bound now, not later

    assert sorted(sent) == sorted(f"{task.id}.1.done" for task in tasks)


def test_attempts_in_progress_keep_no_process_from_ending(real_store: Store) -> None:
    free = threading.Event()
    owe(real_store)
    one = Courier(real_store, "webhook", lambda _: str(free.wait(30)))

    one.start_due()
    attempts = [thread for thread in threading.enumerate() if thread.name.startswith("courier")]
    held_up = [thread for thread in attempts if not thread.daemon]
    free.set()
    eventually(lambda: not one.in_progress)

    assert len(attempts) == 1
    assert held_up == []
