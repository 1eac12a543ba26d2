"""Celery's way to a broker that is a Redis server, over connections that give up a server without writes."""

from __future__ import annotations

from typing import Any

from kombu.transport import redis as kombu_redis

from donebit.store.connections import BrokerTcpConnection, BrokerTlsConnection


class Channel(kombu_redis.Channel):
    """kombu's channel over connections of ours."""

    connection_class = BrokerTcpConnection
    connection_class_ssl = BrokerTlsConnection

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002 - kombu's own
        """What each connection is made with; without the two round trips that tell the library's name."""
        options: dict[str, Any] = super()._connparams(asynchronous)  # type: ignore[misc]  # kombu is untyped
        return {**options, "driver_info": None}


class Transport(kombu_redis.Transport):
    """kombu's transport with that channel."""

    Channel = Channel


TRANSPORT = f"{__name__}:{Transport.__name__}"
