"""Reconnects a worker that an outage of the broker has left without credit.

Each message that a worker processes takes one of its credits, which the acknowledgement returns. Messages
that finish during an outage cannot be acknowledged: their credits are lost. Without any credit Celery
neither asks for messages nor notices that its connection is gone, and would wait for ever.
"""

from __future__ import annotations

from typing import Any

from celery import bootsteps
from celery.worker import state

CHECK_EVERY_SECONDS = 2.0
MAX_CHECKS_WITHOUT_CREDIT = 2  # in a row: a message that has just finished is about to be acknowledged


class ConsumerWatchdog(bootsteps.StartStopStep):
    """Checks regularly that the worker can still receive messages."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, _consumer: Any, **_: Any) -> None:
        self._timer: Any = None
        self._checks_without_credit = 0

    def start(self, consumer: Any) -> None:
        self._checks_without_credit = 0
        self._timer = consumer.timer.call_repeatedly(CHECK_EVERY_SECONDS, self.check_credit, (consumer,))

    def stop(self, _consumer: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def check_credit(self, consumer: Any) -> None:
        """Raise ConnectionError when the worker has no credit, upon which Celery connects again."""
        has_credit = consumer.task_consumer.channel.qos.can_consume()
        self._checks_without_credit = (
            0 if has_credit or state.reserved_requests else self._checks_without_credit + 1
        )
        if self._checks_without_credit >= MAX_CHECKS_WITHOUT_CREDIT:
            raise ConnectionError("the broker was unavailable when the last messages finished")
