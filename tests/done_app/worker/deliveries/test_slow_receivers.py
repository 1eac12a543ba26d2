"""A receiver that takes connections and does not answer keeps no other one waiting."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from done_app.worker.deliveries import courier
from done_app.worker.deliveries.courier import MAX_THREADS, Courier
from done_app.worker.deliveries.webhooks import WebhookSender
from donebit.completion.delivery import DeliveryOutcome
from donebit.store import Store
from tests.done_app.worker.deliveries.test_courier import held_until, outcome, owe, running, said
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
