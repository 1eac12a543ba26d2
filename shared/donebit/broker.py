"""Celery's way to a broker that is a Redis server: by the store's reading of its address.

kombu's own would verify no certificate for a plain `rediss://`, and has other options, sockets and databases
than the store's library. Its connections give up a server that takes no writes.
"""

from __future__ import annotations

from contextlib import suppress
from queue import Empty
from time import monotonic, sleep
from typing import Any, cast

from kombu.transport import redis as kombu_redis

from donebit.addresses import host_in_url
from donebit.redis_url import RedisUrl
from donebit.store.connections import broker_class, options_of

RECORD_FOR_SECONDS, RECORD_EVERY_SECONDS = 3.0, 0.1
SERVER_OPTION = "donebit_server"  # among the transport's options: the RedisUrl
NOT_OF_A_SOCKET_FILE = {
    "host",
    "port",
    "socket_keepalive",
    "socket_keepalive_options",
    "socket_connect_timeout",
}


class QoS(kombu_redis.QoS):
    """kombu's record of the messages that are delivered and not acknowledged."""

    def append(self, message: Any, delivery_tag: str) -> None:
        """Record a message, again and again for some seconds while that fails: it may be written twice.

        The message is out of its queue. If this raises, nobody has it, and its steps wait for the sweep. The
        answer may have got lost, or the broker be a replica for as long as a planned failover takes.
        """
        errors, began = cast(Any, self.channel.connection).client.connection_errors, monotonic()
        while monotonic() - began < RECORD_FOR_SECONDS:
            with suppress(*errors):
                return super().append(message, delivery_tag)
            sleep(RECORD_EVERY_SECONDS)
        return super().append(message, delivery_tag)


class Channel(kombu_redis.Channel):
    """kombu's channel over connections of ours."""

    QoS = QoS

    def _has_queue(self, queue: str, **_: Any) -> bool:
        """Whether a queue is there: an empty list is none, and kombu's own asks without the key prefix."""
        del queue
        return True

    def refuse_former_master(self) -> None:
        """Give up a read that waits for messages if the Sentinels name another master by now.

        Raises:
            ConnectionError: they do. kombu would look after some seconds whether an answer is overdue.
        """
        if waiting := cast(Any, self)._in_poll:
            waiting.refuse_former_master()

    def end_read(self) -> None:
        """Await the answer to a read that waits for messages: one that nobody awaits takes a message with it.

        It takes a second, or as long as the server may take to answer.
        """
        channel = cast(Any, self)
        if channel.connection and channel._in_poll:
            with suppress(Empty, *channel.connection.client.connection_errors):
                channel._brpop_read()

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002 - kombu's own
        """What each connection is made with: kombu's timeouts, and all else as the store has it.

        Raises:
            ConnectionError: this channel is closed. If the answer gets lost when a queue is declared, before
                the first message to it, kombu connects again for that, and sends the message on the channel
                that it has closed. Of this error, and of no other, it takes a new one.
        """
        if self.connection is None:
            raise ConnectionError("the connection to the broker was lost")
        server: RedisUrl = cast(Any, self.connection.client).transport_options[SERVER_OPTION]
        self.connection_class = broker_class(server)  # kombu derives from it
        options: dict[str, Any] = super()._connparams(asynchronous)  # type: ignore[misc]  # kombu is untyped
        left_out = NOT_OF_A_SOCKET_FILE if server.socket_path else set()
        return {name: value for name, value in options.items() if name not in left_out} | options_of(server)


class Transport(kombu_redis.Transport):
    """kombu's transport with that channel."""

    Channel = Channel


TRANSPORT = f"{__name__}:{Transport.__name__}"


def shown_url(server: RedisUrl) -> str:
    """What Celery shows of the address in its log: no password, and nothing that kombu would read."""
    if server.sentinels:  # which Celery would take for several brokers
        host, port = server.sentinels[0]
        return f"redis://{host}:{port}/{server.database}"
    return f"redis://{host_in_url(server.host or 'localhost')}:{server.port}/{server.database}"
