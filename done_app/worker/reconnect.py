"""A worker that an outage of the broker has made deaf connects again.

Each message that it works at takes one of its credits, which the acknowledgement gives back. Messages that
end while the broker is away cannot be acknowledged: their credits are lost, and without any Celery neither
asks for messages nor notices that its connection is gone. It would wait like that for ever.
"""

from __future__ import annotations

from typing import Any

from celery import bootsteps
from celery.worker import state

LISTEN_EVERY_SECONDS = 2.0
LOOKS = 2  # in a row: a message that ended just now is about to be acknowledged


class ConsumerWatchdog(bootsteps.StartStopStep):
    """Looks again and again whether the worker can still be given messages."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, _consumer: Any, **_: Any) -> None:
        self._timer: Any = None
        self._deaf_looks = 0

    def start(self, consumer: Any) -> None:
        self._deaf_looks = 0
        self._timer = consumer.timer.call_repeatedly(LISTEN_EVERY_SECONDS, self.listen, (consumer,))

    def stop(self, _consumer: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def listen(self, consumer: Any) -> None:
        """Raise what Celery takes for a lost connection, which then it makes anew."""
        has_credit = consumer.task_consumer.channel.qos.can_consume()
        self._deaf_looks = 0 if has_credit or state.reserved_requests else self._deaf_looks + 1
        if self._deaf_looks >= LOOKS:
            raise ConnectionError("the broker was away when the last messages ended")
