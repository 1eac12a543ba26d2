"""RabbitMQ as the broker: quorum queues on a topic exchange of Donebit's own, and confirmed messages.

Celery delays messages to such queues in RabbitMQ itself: a worker does not hold them until they are due.
"""

from __future__ import annotations

import math
import ssl
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

from celery import Celery
from kombu import Exchange, Queue
from kombu.exceptions import ChannelError
from kombu.transport.native_delayed_delivery import (
    bind_queue_to_native_delayed_delivery_exchange,
    declare_native_delayed_delivery_exchanges_and_queues,
)

from donebit.amqp_url import AmqpUrl, routing_key
from donebit.redis_url import Tls

EXCHANGE = "messages"  # after the key prefix
NO_ROUTE, NOT_FOUND = 312, 404
# A worker notices within twice this that its connection leads nowhere.
HEARTBEAT = timedelta(seconds=10)


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


def transport_options(server: AmqpUrl, answer_within: timedelta) -> dict[str, Any]:
    """Return what the library's connections are made with, besides the address.

    Args:
        answer_within: how long RabbitMQ has for each answer.
    """
    seconds = answer_within.total_seconds()
    options = {"confirm_publish": True, "read_timeout": seconds, "write_timeout": seconds}
    # Not as a setting of Celery's: kombu shares connections that differ in nothing else.
    return options | ({"ssl": _tls_options(server, server.tls)} if server.tls else {})


def _tls_options(server: AmqpUrl, tls: Tls) -> dict[str, Any]:
    checked = tls.check_hostname and tls.strictness is not ssl.CERT_NONE
    return {
        "cert_reqs": tls.strictness,
        "server_hostname": server.host if checked else None,
        "ca_certs": tls.ca_file or None,
        "certfile": tls.certificate_file or None,
        "keyfile": tls.key_file or None,
    }


def queue_of_another(name: str) -> Queue:
    """A queue of another application's, which alone knows how to declare it."""
    return Queue(name, Exchange("", type="direct"), routing_key=name, no_declare=True)


class RabbitCelery(Celery):
    """A Celery application whose messages RabbitMQ confirms: only then are they sent."""

    def __init__(self, server: AmqpUrl, confirmed_within: timedelta) -> None:
        super().__init__("donebit", broker=server.for_celery, set_as_current=False)
        self._confirmed_within = confirmed_within

    def send_task(self, name: str, *args: Any, **options: Any) -> Any:
        """Send a message, and return once it is in a queue.

        A queue that was deleted is declared again: the library remembers only that it has declared it.

        Raises:
            OperationalError: RabbitMQ cannot be reached, or has not confirmed the message in time.
            ChannelError: it refuses the message, or has no such queue of another application's.
        """
        if countdown := options.get("countdown"):  # RabbitMQ's delays are whole seconds
            options["countdown"] = max(1, math.ceil(countdown))
        options |= {"mandatory": True, "confirm_timeout": self._confirmed_within.total_seconds()}
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
