"""Connections that are given up when they lead to the wrong server, and checked before use after a pause.

When a managed server fails over, its address moves, and open connections stay with the old primary, which is
a read-only replica by then. A firewall drops an idle connection without a word to either side. A host that
vanishes sends no reset. Each of these would otherwise last until the process is started again.
"""

from __future__ import annotations

import math
import socket
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

from redis import Connection, SSLConnection, UnixDomainSocketConnection, exceptions
from redis.connection import AbstractConnection

from donebit.redis_url import RedisUrl, Tls
from donebit.store.sentinels import ASKED_EVERY_SECONDS, Sentinels, refuse_replica

# What a server answers that takes no writes, and what those get who waited on one that became such a server.
ELSEWHERE = (exceptions.ReadOnlyError, exceptions.MasterDownError, exceptions.BusyLoadingError)
UNBLOCKED = "UNBLOCKED"

# A connection that was silent for longer is asked for a PONG before it is used: no firewall is quicker.
TRUSTED_SECONDS = 1.0
# A server that does not answer by then is connected to again; the command itself was not sent yet. With
# a service's own limit of 0.8 s for its answer this stays within a second.
PONG_SECONDS = 0.1
# Of a connection that Celery keeps: when that is given up, messages are delivered again.
KEPT_PONG_SECONDS = 1.0

KEEPALIVE_IDLE_SECONDS, KEEPALIVE_EVERY_SECONDS, KEEPALIVE_PROBES = 5, 3, 3
UNACKNOWLEDGED_MS = 15_000  # what the other side's kernel has not acknowledged by then ends the connection

_KEEPALIVE = {
    "TCP_KEEPIDLE": KEEPALIVE_IDLE_SECONDS,
    "TCP_KEEPALIVE": KEEPALIVE_IDLE_SECONDS,  # as macOS names it
    "TCP_KEEPINTVL": KEEPALIVE_EVERY_SECONDS,
    "TCP_KEEPCNT": KEEPALIVE_PROBES,
    "TCP_USER_TIMEOUT": UNACKNOWLEDGED_MS,
}
# By the number of each option; a system lacks some of them.
KEEPALIVE: Final = {
    getattr(socket, name): value for name, value in _KEEPALIVE.items() if hasattr(socket, name)
}


Made = dict[str, Any]  # what a connection is made with, by redis-py's names


def options_of(server: RedisUrl) -> Made:
    """What a connection to a server is made with, the store's and the broker's alike; not its class."""
    options: Made = {
        "db": server.database,
        "username": server.username or None,
        "password": server.password or None,
        "driver_info": None,  # two round trips for each connection, for the library's name
    }
    if server.socket_path:
        return options | {"path": server.socket_path}
    options |= {"host": server.host, "port": server.port}
    options |= {"socket_keepalive": True, "socket_keepalive_options": KEEPALIVE}
    tls_options = _tls_options(server.tls) if server.tls else {}
    if server.sentinels:
        options["sentinels"] = Sentinels(server, tls_options)
    return options | tls_options


def _tls_options(tls: Tls) -> Made:
    return {
        "ssl_cert_reqs": tls.strictness,
        "ssl_check_hostname": tls.check_hostname,
        "ssl_ca_certs": tls.ca_file or None,
        "ssl_certfile": tls.certificate_file or None,
        "ssl_keyfile": tls.key_file or None,
    }


@dataclass(slots=True)
class Term:
    """How often the server was found to take no writes: what was connected in an earlier term is not used."""

    number: int = 0


def leads_elsewhere(error: BaseException) -> bool:
    """Whether an answer says that writes are taken by another server, or by none."""
    return isinstance(error, ELSEWHERE) or str(error).startswith(UNBLOCKED)


class CheckedConnection(AbstractConnection):
    """A connection of a pool; those of one pool share a term."""

    def __init__(
        self, *args: Any, term: Term | None = None, sentinels: Sentinels | None = None, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self._sentinels = sentinels
        self._shared_term = term or Term()
        self._own_term = self._shared_term.number
        self._heard_at = 0.0

    def _connect(self) -> Any:
        self._own_term, self._heard_at = self._shared_term.number, monotonic()
        if self._sentinels is not None:
            self.host, self.port = self._sentinels.find_master()
        return super()._connect()  # type: ignore[no-untyped-call, safe-super]  # each kind has one

    def connect(self) -> None:
        """Connect if need be; called by a pool each time that it lends the connection."""
        if self.is_connected and not self._is_usable():
            self.disconnect()  # type: ignore[no-untyped-call]  # the library leaves it untyped
        super().connect()  # type: ignore[no-untyped-call]  # the library leaves it untyped

    def on_connect_check_health(self, check_health: bool = True) -> None:  # noqa: FBT001, FBT002 - as redis-py has it
        """Make sure that a server which a Sentinel has named is the master."""
        super().on_connect_check_health(check_health=check_health)
        if self._sentinels is None:
            return
        self.send_command("ROLE", check_health=False)  # type: ignore[no-untyped-call]  # as above
        refuse_replica(self.read_response(), f"{self.host}:{self.port}")

    def read_response(self, *args: Any, **options: Any) -> Any:
        """Read an answer; one that leads elsewhere ends the connection when it is given back to its pool.

        Not at once: in a pipeline further answers may follow.
        """
        if self._sentinels is not None and "timeout" not in options:
            self._await_answer()
        try:
            answer = super().read_response(*args, **options)
        except exceptions.RedisError as error:
            if leads_elsewhere(error):
                self.give_up()
            raise
        self._heard_at = monotonic()
        return answer

    def _await_answer(self) -> None:
        """Wait for an answer as long as redis-py would, or until Sentinels name another master.

        From a host that has vanished none will come: a worker, which waits for seconds, goes on with the new
        master as soon as there is one. A late answer may be that of a master which was frozen meanwhile, and
        replaced: what it says is lost.

        Raises:
            ConnectionError: there is another master; the connection is closed.
            TimeoutError: no answer came in time; the connection is closed.
        """
        began = monotonic()
        end = began + (math.inf if self.socket_timeout is None else self.socket_timeout)
        while not self.can_read(max(0.0, min(end - monotonic(), ASKED_EVERY_SECONDS))):
            if monotonic() >= end:
                self.disconnect()  # type: ignore[no-untyped-call]  # as below
                raise exceptions.TimeoutError(f"{self.host}:{self.port} does not answer")
            self.refuse_former_master()
        if monotonic() - began > PONG_SECONDS:
            self.refuse_former_master()

    def refuse_former_master(self) -> None:
        """Close the connection if the Sentinels, where there are any, name another master than its server.

        Raises:
            ConnectionError: they do.
        """
        if not self._is_to_master():
            self.disconnect()  # type: ignore[no-untyped-call]  # as below
            raise exceptions.ConnectionError(f"{self.host}:{self.port} is not the master any more")

    def give_up(self) -> None:
        """Use neither this connection again nor any other of the pool that was made before."""
        if self._own_term == self._shared_term.number:
            self._shared_term.number += 1
        self.mark_for_reconnect()  # type: ignore[no-untyped-call]  # as above

    def _is_usable(self, pong_seconds: float = PONG_SECONDS) -> bool:
        if self._sentinels is not None and self._sentinels.have_moved_from((self.host, self.port)):
            self._shared_term.number += 1
        if self._own_term != self._shared_term.number:
            return False
        if monotonic() - self._heard_at < TRUSTED_SECONDS:
            return True
        # What waits is a message to a subscriber, who connects before each read; the pool refuses any other.
        return not is_silent(self) or (self._answers(pong_seconds) and self._is_to_master())

    def _answers(self, within_seconds: float) -> bool:
        try:
            self.send_command("PING", check_health=False)  # type: ignore[no-untyped-call]  # as above
            return bool(self.read_response(timeout=within_seconds) == b"PONG")
        except (exceptions.RedisError, OSError):
            return False

    def _is_to_master(self) -> bool:
        """Whether the Sentinels, if there are any, do not name another server.

        A master that was frozen, or cut off, takes itself for the master when it is back. What it takes
        before the Sentinels make it a replica, some ten seconds later, is lost.
        """
        return self._sentinels is None or not self._sentinels.name_another((self.host, self.port))


class AfterHandshake(AbstractConnection):
    """Reads an answer before a TLS connection is lent.

    With TLS 1.3 a server sends session tickets after the handshake. Until they are read, redis-py takes them
    for an answer that nobody has read, and gives the connection up.
    """

    def on_connect_check_health(self, check_health: bool = True) -> None:  # noqa: FBT001, FBT002 - as redis-py has it
        super().on_connect_check_health(check_health=check_health)
        self.send_command("PING", check_health=False)  # type: ignore[no-untyped-call]  # as above
        self.read_response()


class TcpConnection(CheckedConnection, Connection):
    """A connection of the store over TCP."""


class TlsConnection(AfterHandshake, CheckedConnection, SSLConnection):
    """A connection of the store over TLS."""


class SocketConnection(CheckedConnection, UnixDomainSocketConnection):
    """A connection of the store over a socket file."""


def is_silent(connection: AbstractConnection) -> bool:
    """Whether nothing can be read: before anything is asked that would be its end, or another's answer."""
    try:
        return not connection.can_read()
    except (exceptions.ConnectionError, exceptions.TimeoutError, OSError):
        return False


def store_class(server: RedisUrl) -> type[CheckedConnection]:
    """The class of the store's connections to a server."""
    if server.socket_path:
        return SocketConnection
    return TlsConnection if server.tls else TcpConnection


class BrokerConnection(CheckedConnection):
    """A connection of Celery's: it keeps some for ever, so they end with the answer that leads elsewhere.

    To Celery that is a lost connection, upon which it connects again; any other error would end the worker.
    """

    def check_health(self) -> None:
        """Before a command, ask for a PONG if that is due; the library would wait for it as for any answer.

        Raises:
            ConnectionError: there is none, or a Sentinel names another master; the connection is closed.
        """
        is_due = self.health_check_interval and monotonic() > self.next_health_check
        if is_due and self.is_connected and not self._is_usable(KEPT_PONG_SECONDS):
            self.disconnect()  # type: ignore[no-untyped-call]  # as above
            raise exceptions.ConnectionError("the broker does not answer, or is another by now")

    def read_response(self, *args: Any, **options: Any) -> Any:
        """Read an answer.

        Raises:
            ConnectionError: the server takes no writes; the connection is closed.
        """
        try:
            return super().read_response(*args, **options)
        except exceptions.RedisError as error:
            if not leads_elsewhere(error):
                raise
            self.disconnect()  # type: ignore[no-untyped-call]  # as above
            raise exceptions.ConnectionError(f"the broker takes no writes: {error}") from error


class BrokerTcpConnection(BrokerConnection, Connection):
    """A connection of Celery's over TCP."""


class BrokerTlsConnection(AfterHandshake, BrokerConnection, SSLConnection):
    """A connection of Celery's over TLS."""


class BrokerSocketConnection(BrokerConnection, UnixDomainSocketConnection):
    """A connection of Celery's over a socket file."""


def broker_class(server: RedisUrl) -> type[BrokerConnection]:
    """The class of Celery's connections to a server."""
    if server.socket_path:
        return BrokerSocketConnection
    return BrokerTlsConnection if server.tls else BrokerTcpConnection
