"""Reconnects a worker soon after an outage of the broker, also one that is left without credit.

Each message that a worker processes takes one of its credits, which the acknowledgement returns. Messages
that finish during an outage cannot be acknowledged: their credits are lost. Without any credit Celery
neither asks for messages nor notices that its connection is gone, and would wait for ever. That is so where
Celery counts the credit: RabbitMQ counts it itself, from the start with each connection.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from celery import bootsteps
from celery.beat import Scheduler
from celery.worker import state

from donebit.broker import Channel

CHECK_EVERY_SECONDS = 2.0
MAX_CHECKS_WITHOUT_CREDIT = 2  # in a row: a message that has just finished is about to be acknowledged
LOOK_FOR_MASTER_EVERY_SECONDS = 1.0  # Sentinels are asked no more often
CONNECT_EVERY_SECONDS = 1.0  # while the broker is away; Celery's own pauses grow to half a minute


def connect_promptly(connection: Any) -> None:
    """Have a connection of Celery's be tried for again after a short pause, which does not grow."""
    pause = CONNECT_EVERY_SECONDS
    patient = type(connection).ensure_connection
    connection.ensure_connection = partial(
        patient, connection, interval_start=pause, interval_step=0, interval_max=pause
    )


class PromptScheduler(Scheduler):
    """Beat's scheduler, with its schedule in memory, which is back soon after the broker is."""

    def _ensure_connected(self) -> Any:
        connect_promptly(self.connection)
        return super()._ensure_connected()  # type: ignore[misc]  # its stubs lack it


SCHEDULER = f"{__name__}:{PromptScheduler.__name__}"


class ConsumerWatchdog(bootsteps.StartStopStep):
    """Checks regularly that the worker can still receive messages."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, _consumer: Any, **_: Any) -> None:
        self._timers: list[Any] = []
        self._checks_without_credit = 0

    def start(self, consumer: Any) -> None:
        self._checks_without_credit = 0
        channel, repeat = consumer.task_consumer.channel, consumer.timer.call_repeatedly
        if hasattr(channel, "qos"):
            self._timers.append(repeat(CHECK_EVERY_SECONDS, self.check_credit, (consumer,)))
        if isinstance(channel, Channel):
            self._timers.append(repeat(LOOK_FOR_MASTER_EVERY_SECONDS, channel.refuse_former_master))

    def stop(self, _consumer: Any) -> None:
        while self._timers:
            self._timers.pop().cancel()

    def check_credit(self, consumer: Any) -> None:
        """Raise ConnectionError when the worker has no credit, upon which Celery connects again."""
        has_credit = consumer.task_consumer.channel.qos.can_consume()
        self._checks_without_credit = (
            0 if has_credit or state.reserved_requests else self._checks_without_credit + 1
        )
        if self._checks_without_credit >= MAX_CHECKS_WITHOUT_CREDIT:
            raise ConnectionError("the broker was unavailable when the last messages finished")
