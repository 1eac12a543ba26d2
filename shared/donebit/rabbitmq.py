"""RabbitMQ as the broker: quorum queues on a topic exchange of Donebit's own, and confirmed messages.

Celery delays messages to such queues in RabbitMQ itself: a worker does not hold them until they are due.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast
from urllib.parse import quote

from celery import Celery
from kombu import Exchange, Queue
from kombu.exceptions import ChannelError
from kombu.transport.native_delayed_delivery import (
    bind_queue_to_native_delayed_delivery_exchange,
    declare_native_delayed_delivery_exchanges_and_queues,
)

SCHEMES = ("amqp", "amqps", "pyamqp")
EXCHANGE = "messages"  # after the key prefix
LONGEST_ROUTING_KEY = 255 - 2 * 28  # Celery puts the bits of a delay before it, with dots between
NO_ROUTE, NOT_FOUND = 312, 404
# A worker notices within twice this that its connection leads nowhere.
HEARTBEAT = timedelta(seconds=10)


def is_rabbitmq(url: str) -> bool:
    """Whether an address is one of RabbitMQ, well formed or not."""
    return url.partition("://")[0] in SCHEMES


def routing_key(name: str) -> str:
    """What a message to a queue is routed by: a single word, which has no dot.

    Delayed messages of all installations on one virtual host pass one exchange, which compares the last words
    of each key: without this, one prefix may end as another whole one is.
    """
    return quote(name, safe=":").replace(".", "%2E")


def queues(prefix: str, names: Sequence[str]) -> list[Queue]:
    """Donebit's queues as RabbitMQ has them, the prefix before their names; Celery finds each by its own."""
    exchange = Exchange(f"{prefix}{EXCHANGE}", type="topic")
    return [
        Queue(
            f"{prefix}{name}",
            exchange,
            routing_key=routing_key(f"{prefix}{name}"),
            alias=name,
            queue_arguments={"x-queue-type": "quorum"},
        )
        for name in names
    ]


def queue_of_another(name: str) -> Queue:
    """A queue of another application's, which alone knows how to declare it."""
    return Queue(name, Exchange("", type="direct"), routing_key=name, no_declare=True)


class RabbitCelery(Celery):
    """A Celery application whose messages RabbitMQ confirms: only then are they sent."""

    confirmed_within: timedelta

    def send_task(self, name: str, *args: Any, **options: Any) -> Any:
        """Send a message, and return once it is in a queue.

        A queue that was deleted is declared again: the library remembers only that it has declared it.

        Raises:
            OperationalError: RabbitMQ cannot be reached, or has not confirmed the message in time.
            ChannelError: it refuses the message, or has no such queue of another application's.
        """
        if countdown := options.get("countdown"):  # RabbitMQ's delays are whole seconds
            options["countdown"] = max(1, math.ceil(countdown))
        options |= {"mandatory": True, "confirm_timeout": self.confirmed_within.total_seconds()}
        try:
            return super().send_task(name, *args, **options)
        except ChannelError as error:
            if error.reply_code not in (NO_ROUTE, NOT_FOUND) or isinstance(options.get("queue"), Queue):
                raise
            self.declare_queues(delays=bool(countdown))
        return super().send_task(name, *args, **options)

    def declare_queues(self, *, delays: bool) -> None:
        """Declare the queues, and where delayed messages wait if need be."""
        with self.connection_for_write() as connection:
            for queue in self.amqp.queues.values():
                queue(connection.default_channel).declare()
            if delays:
                declare_native_delayed_delivery_exchanges_and_queues(connection, "quorum")
                for queue in self.amqp.queues.values():
                    bind_queue_to_native_delayed_delivery_exchange(connection, queue)

    def queue_of_key(self, key: str) -> str | None:
        """Return Celery's name of the queue that a message with this routing key came through."""
        last_word = key.rpartition(".")[2]  # after the bits of its delay
        found = (queue for queue in self.amqp.queues.values() if queue.routing_key == last_word)
        return next((str(cast(Any, queue).alias) for queue in found), None)
