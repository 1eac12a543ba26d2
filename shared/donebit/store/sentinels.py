"""Sentinels, which say where the master of a group of servers is: asked for each new connection.

redis-py's own pool for Sentinel does not wait for a connection when all are in use, but raises. So each of
our connections, which are of a pool that waits, asks for itself as it connects.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from threading import Lock
from time import monotonic
from typing import Any

from redis import Connection, SSLConnection, exceptions

from donebit.redis_url import RedisUrl

# Of each Sentinel: one whose host has vanished must leave time for the next within a request.
ANSWER_SECONDS = 0.2
ASKED_EVERY_SECONDS = 1.0


class Sentinels:
    """The Sentinels of an address, the one that answered last first."""

    def __init__(self, server: RedisUrl, tls_options: Mapping[str, Any]) -> None:
        self._server = server
        self._tls_options = tls_options
        self._order = deque(server.sentinels)
        self._lock = Lock()
        self._asked_at = 0.0

    def find_master(self) -> tuple[str, int]:
        """Return host and port of the master.

        Raises:
            ConnectionError: no Sentinel answers, or none knows the master.
        """
        failures: list[str] = []
        for host, port in tuple(self._order):
            try:
                found = self._ask(host, port)
            except (exceptions.RedisError, OSError) as error:
                failures.append(str(error))
            else:
                if found is not None:
                    return found
                failures.append(f"{host}:{port} knows no master {self._server.master}")
            self.ask_another_first()
        raise exceptions.ConnectionError(f"no Sentinel says where the master is: {'; '.join(failures)}")

    def name_another(self, address: tuple[str, int]) -> bool:
        """Whether the master is another server by now; not where no Sentinel says so in time.

        In the time of one: where all have vanished, what is asked of the master must not wait for each.
        """
        end = monotonic() + ANSWER_SECONDS
        for host, port in tuple(self._order):
            with suppress(exceptions.RedisError, OSError):
                if (found := self._ask(host, port)) is not None:
                    return found != address
            self.ask_another_first()
            if monotonic() >= end:
                break
        return False

    def have_moved_from(self, address: tuple[str, int]) -> bool:
        """The same for connections in use, of which one asks once a second.

        After `SENTINEL FAILOVER` the old master goes on taking writes for some ten seconds, all of them lost.
        """
        with self._lock:
            if monotonic() < self._asked_at + ASKED_EVERY_SECONDS:
                return False
            self._asked_at = monotonic()
        return self.name_another(address)

    def ask_another_first(self) -> None:
        """Ask the next Sentinel first the next time: this one does not answer, or not what is so."""
        with self._lock:
            self._order.rotate(-1)

    def _ask(self, host: str, port: int) -> tuple[str, int] | None:
        kind = SSLConnection if self._server.tls else Connection
        connection = kind(
            host=host,
            port=port,
            username=self._server.sentinel_username or None,
            password=self._server.sentinel_password or None,
            protocol=2,
            driver_info=None,
            socket_connect_timeout=ANSWER_SECONDS,
            socket_timeout=ANSWER_SECONDS,
            **self._tls_options,
        )
        try:
            connection.send_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._server.master)  # type: ignore[no-untyped-call]  # as redis-py has it
            answer = connection.read_response()
        finally:
            connection.disconnect()  # type: ignore[no-untyped-call]  # as above
        return None if answer is None else (answer[0].decode(), int(answer[1]))


def refuse_replica(role: object, address: str) -> None:
    """Refuse a server that a Sentinel takes for the master, and which is not.

    Raises:
        ConnectionError: it is a replica, whose data may be old.
    """
    if not isinstance(role, list) or role[0] != b"master":
        raise exceptions.ConnectionError(f"{address} is not the master (yet), though a Sentinel says so")
