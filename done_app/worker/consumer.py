"""Celery's consumer, as the worker has it: soon back after an outage, and empty-handed once it is to end."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Any, cast

from celery.worker import state
from celery.worker.consumer import Consumer
from celery.worker.request import Request
from kombu.exceptions import ChannelError

from done_app.worker.reconnect import CONNECT_EVERY_SECONDS, connect_promptly
from donebit.broker import Channel

log = logging.getLogger(__name__)


class PromptConsumer(Consumer):
    """Connects again soon after an outage, and gives back what an ending worker would only hold.

    Celery's takes what comes after SIGTERM while it waits for messages, up to a second. It holds what it has
    not begun until all that it has begun is over, and if it is killed before that, nobody has it.
    """

    def ensure_connected(self, conn: Any) -> Any:
        """Connect, as often as need be."""
        connect_promptly(conn)
        try:
            return super().ensure_connected(conn)
        except ChannelError:  # RabbitMQ refuses the password, say; Celery would ask five times a second
            time.sleep(CONNECT_EVERY_SECONDS)
            raise

    def stop(self) -> None:
        """Stop taking messages, and give back those that no process has begun."""
        channel = getattr(cast(Any, self).task_consumer, "channel", None)
        if isinstance(channel, Channel):  # or it would be answered with what is given back
            channel.end_read()
        self.give_back()
        super().stop()
        self.give_back()  # what RabbitMQ has sent until it knew

    def give_back(self) -> None:
        """Have the broker give to another worker what no process has begun.

        If it does not answer, no more is asked of it: each answer may take seconds, and the worker shall end.
        """
        waiting = [one for one in self.waiting_requests() if not one.acknowledged]
        for request in waiting:
            request.acknowledged = True  # whatever Celery does with it later
        try:
            for request in waiting:
                request.message.reject(requeue=True)
        except self.broker_errors as error:
            log.warning("messages that were not begun cannot be given back: %s", error)

    @property
    def broker_errors(self) -> tuple[type[Exception], ...]:
        """What is raised when the broker cannot be reached, or refuses."""
        celery = cast(Any, self)
        errors: tuple[type[Exception], ...] = celery.connection_errors + celery.channel_errors
        return errors

    def waiting_requests(self) -> Iterator[Request]:
        """Messages that wait for a process, or for their time."""
        yield from [one for one in state.reserved_requests if one not in state.active_requests]
        for waiting in list(self.timer.schedule.queue):
            if waiting.entry.args and isinstance(request := waiting.entry.args[0], Request):
                waiting.entry.cancel()
                yield request


CONSUMER = f"{__name__}:{PromptConsumer.__name__}"
