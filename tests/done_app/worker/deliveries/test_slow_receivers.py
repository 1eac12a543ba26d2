"""A receiver that takes connections and does not answer holds up no other one, however much it is owed."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from done_app.worker.deliveries import courier
from done_app.worker.deliveries.courier import MAX_THREADS, Courier
from done_app.worker.deliveries.webhooks import WebhookSender
from donebit import clock
from donebit.completion.delivery import Delivery, DeliveryOutcome
from donebit.store import Store
from tests.done_app.worker.deliveries.test_courier import held_until, outcome, owe, running, said, shown
from tests.receiver import SECRET, receiving, status
from tests.started import eventually


def test_a_silent_receiver_keeps_no_other_one_waiting(
    real_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier, "SLOW_AFTER", timedelta(seconds=0.05))
    free = threading.Event()
    webhooks = Courier(real_store, "webhook", WebhookSender(["127.0.0.1"], [SECRET]).send)
    with receiving(held_until(free)) as silent, receiving(status(204)) as other:
        tasks = [owe(real_store, silent.url) for _ in range(3 * MAX_THREADS)]
        last = owe(real_store, other.url)

        with running(webhooks, monkeypatch):
            eventually(lambda: outcome(real_store, last) is DeliveryOutcome.DELIVERED)
            asked_meanwhile = len(silent.requests)
            free.set()
            eventually(lambda: {outcome(real_store, one) for one in tasks} == {DeliveryOutcome.DELIVERED})

    assert asked_meanwhile <= MAX_THREADS
    assert sorted(silent.ends) == sorted(f"{task.id}.1.done" for task in tasks)
    assert {tuple(said(real_store, one)) for one in tasks} == {("answered 204",)}


def test_the_more_a_silent_receiver_is_owed_the_longer_it_waits_in_line(
    real_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier, "SLOW_AFTER", timedelta(0))
    free, begun = threading.Event(), threading.Semaphore(0)

    def hold(_: Delivery) -> str:
        begun.release()
        return str(free.wait(30))

    one = Courier(real_store, "webhook", hold)
    tasks = [owe(real_store) for _ in range(7 * MAX_THREADS)]
    one.start_due()
    for _ in range(MAX_THREADS):
        assert begun.acquire(timeout=10)
    one.in_progress[next(iter(one.in_progress))].since -= 2.0
    for _ in range(6):
        one.start_due()
        eventually(lambda: len(one.in_progress) == MAX_THREADS)
    now = clock.now()
    waits = [at - now for task in tasks if (at := shown(real_store, task).next_attempt_at)]
    free.set()
    eventually(lambda: not one.in_progress)

    in_line = [wait for wait in waits if wait < timedelta(seconds=40)]  # the others are under way
    assert len(in_line) == 6 * MAX_THREADS
    assert max(in_line) - min(in_line) >= timedelta(seconds=10)


def test_what_is_owed_to_quick_receivers_goes_out_without_a_pause(
    real_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = Courier(real_store, "webhook", lambda _: "sent")
    tasks = [owe(real_store) for _ in range(20 * MAX_THREADS)]

    with running(quick, monkeypatch, pause_seconds=3.0):
        eventually(lambda: not real_store.deliveries.pending_counts()["webhook"], 40)

    assert {outcome(real_store, one) for one in tasks} == {DeliveryOutcome.DELIVERED}
