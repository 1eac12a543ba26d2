"""A server that was restarted or failed over has forgotten the scripts."""

from __future__ import annotations

from redis import Redis

from shared.completion import lifecycle
from shared.completion.task import Order
from shared.store import Store


def test_a_report_is_taken_by_a_server_that_has_forgotten_the_scripts(client: Redis) -> None:
    store = Store.on(client)
    task = lifecycle.start(store, Order(2), max_steps=2).task
    lifecycle.report(store, task.id, [0])
    client.script_flush()

    answer = lifecycle.report(store, task.id, [1])

    assert answer.completed_task
