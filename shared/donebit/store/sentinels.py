"""Sentinels, which say where the master of a group of servers is: asked for each new connection.

redis-py's own pool for Sentinel does not wait for a connection when all are in use, but raises. So each of
our connections, which are of a pool that waits, asks for itself as it connects.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from threading import Lock
from time import monotonic
from typing import Any, NamedTuple

from redis import Connection, SSLConnection, exceptions

from donebit.redis_url import RedisUrl

# Of each Sentinel: one whose host has vanished must leave time for the others within a request.
ANSWER_SECONDS = 0.2
ASKED_EVERY_SECONDS = 1.0
SILENT_SECONDS = 10.0  # for which one that did not answer is not asked, where another does

Address = tuple[str, int]


class Answer(NamedTuple):
    """Where a Sentinel has the master, and the number of the failover that made it the master."""

    epoch: int
    address: Address


class Sentinels:
    """The Sentinels of an address. They learn of a failover one after the other, so all of them are asked."""

    def __init__(self, server: RedisUrl, tls_options: Mapping[str, Any]) -> None:
        self._server = server
        self._tls_options = tls_options
        self._lock = Lock()
        self._asked_at = 0.0
        self._silent_until: dict[Address, float] = {}

    def find_master(self) -> Address:
        """Return host and port of the master.

        Raises:
            ConnectionError: no Sentinel answers, or none knows the master.
        """
        failures: list[str] = []
        if newest := max(self._answers(failures), default=None):
            return newest.address
        raise exceptions.ConnectionError(f"no Sentinel says where the master is: {'; '.join(failures)}")

    def name_another(self, address: Address) -> bool:
        """Whether the master is another server by now; not where no Sentinel says so in time.

        In the time of one: where all have vanished, what is asked of the master must not wait for each.
        """
        newest = max(self._answers([], monotonic() + ANSWER_SECONDS), default=None)
        return newest is not None and newest.address != address

    def have_moved_from(self, address: tuple[str, int]) -> bool:
        """The same for connections in use, of which one asks once a second.

        After `SENTINEL FAILOVER` the old master goes on taking writes for some ten seconds, all of them lost.
        """
        with self._lock:
            if monotonic() < self._asked_at + ASKED_EVERY_SECONDS:
                return False
            self._asked_at = monotonic()
        return self.name_another(address)

    def _answers(self, failures: list[str], end: float = math.inf) -> Iterator[Answer]:
        """What the Sentinels say of which the question begins before `end`; failures of others are added.

        Those that were silent a while ago come last, and are asked only if no other answers.
        """
        began, found = monotonic(), None
        silent = {one for one in self._server.sentinels if self._silent_until.get(one, 0.0) > began}
        for one in sorted(self._server.sentinels, key=silent.__contains__):
            if monotonic() >= end or (one in silent and found is not None):
                return
            try:
                found = self._ask(*one)
            except (exceptions.RedisError, OSError) as error:
                self._silent_until[one] = monotonic() + SILENT_SECONDS
                failures.append(str(error))
            else:
                if found is not None:
                    yield found
                else:
                    failures.append(f"{one[0]}:{one[1]} knows no master {self._server.master}")

    def _ask(self, host: str, port: int) -> Answer | None:
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
            connection.send_command("SENTINEL", "MASTER", self._server.master)  # type: ignore[no-untyped-call]  # as above
            address = connection.read_response()
            return address and Answer(_epoch(connection), (address[0].decode(), int(address[1])))
        finally:
            connection.disconnect()  # type: ignore[no-untyped-call]  # as above


def _epoch(connection: Connection) -> int:
    """The number of the last failover; 0 where its user may not ask for it."""
    try:
        state = connection.read_response()
    except exceptions.ResponseError:
        return 0
    return int(state[state.index(b"config-epoch") + 1])


def refuse_replica(role: object, address: str) -> None:
    """Refuse a server that a Sentinel takes for the master, and which is not.

    Raises:
        ConnectionError: it is a replica, whose data may be old.
    """
    if not isinstance(role, list) or role[0] != b"master":
        raise exceptions.ConnectionError(f"{address} is not the master (yet), though a Sentinel says so")
