"""How the server itself is: whether it takes writes, its memory, its persistence and its replicas."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from redis import Redis, exceptions

from donebit.errors import StoreUnavailable
from donebit.store.client import outages_named
from donebit.store.confirming import KEPT_SECONDS, Confirmation
from donebit.store.heartbeats import HeartbeatStore
from donebit.store.key_names import Keys
from donebit.store.server_client import ServerClient, primaries_of, router_of

Figure = TypeVar("Figure", int, bool)

SECTIONS = ("memory", "persistence", "replication")
KEEPS_UP_SECONDS = 2  # within which a replica that is well has acknowledged something: it does so each second


class Replica(NamedTuple):
    """A copy that follows this server."""

    address: str  # host:port
    behind_bytes: int  # of the replication stream, not acknowledged yet
    silent_seconds: int  # since it last acknowledged anything


class ServerState(NamedTuple):
    """What a server says of itself in INFO; None for what this kind of server leaves out."""

    memory_bytes: int | None
    memory_limit_bytes: int | None  # 0: none is set
    last_save_at: int | None  # of a snapshot, or the start of the server (s since the epoch)
    changes_since_save: int | None
    last_save_ok: bool | None
    append_only: bool | None
    append_only_ok: bool | None  # its last write and its last rewrite succeeded
    replicas: tuple[Replica, ...]

    @classmethod
    def from_info(cls, info: Mapping[str, Any]) -> ServerState:
        """Read an answer to INFO, as redis-py has parsed it."""
        append_only = _flag(info, "aof_enabled")
        written = [_succeeded(info, f"aof_last_{part}_status") for part in ("write", "bgrewrite")]
        return cls(
            memory_bytes=info.get("used_memory"),
            memory_limit_bytes=info.get("maxmemory"),
            last_save_at=info.get("rdb_last_save_time"),
            changes_since_save=info.get("rdb_changes_since_last_save"),
            last_save_ok=_succeeded(info, "rdb_last_bgsave_status"),
            append_only=append_only,
            append_only_ok=False not in written if append_only else None,
            replicas=tuple(_replicas(info)),
        )


class ServerStateStore:
    """Asks the server how it is. Every method raises StoreUnavailable when it cannot be reached."""

    def __init__(self, client: Redis, keys: Keys) -> None:
        self._client, self._keys = client, keys
        self._heartbeats = HeartbeatStore(client, keys)

    def write(self, now_ms: int) -> None:
        """Write what a service writes to see whether the server takes writes.

        Raises:
            StoreUnavailable: it does not, or its user may not.
        """
        try:
            self._heartbeats.beat("health", now_ms)
        except exceptions.NoPermissionError as error:
            raise StoreUnavailable("the user in REDIS_URL lacks a right") from error

    @outages_named
    def is_cluster(self) -> bool:
        """Whether the address leads to a cluster."""
        return router_of(self._client) is not None

    @outages_named
    def is_cut_off(self) -> bool:
        """Whether it is a replica that does not follow its primary now, so that what it has may be old."""
        return bool(self._client.info("replication").get("master_link_status") == "down")

    @property
    def addresses(self) -> int:
        """How many servers the address names."""
        return len(self._client.seeds) if isinstance(self._client, ServerClient) else 1

    @property
    def confirmation(self) -> Confirmation | None:
        """What replicas have to do with each change of this process; None for nothing."""
        return self._client.confirmation if isinstance(self._client, ServerClient) else None

    @outages_named
    def confirm(self) -> None:
        """Have replicas confirm all that the primaries which this thread has asked have done so far.

        What a request changes is confirmed with the change, and all before it on that primary. This is for
        what it has found as it was to be, changed by a request before it that was not confirmed. Nothing
        without WAIT_REPLICAS.

        Raises:
            StoreUnavailable: they do not.
        """
        if not isinstance(self._client, ServerClient) or self._client.confirmation is None:
            return
        with self._client.pipeline(transaction=False) as pipe:
            for slot in self._client.slots_to_confirm():
                pipe.set(self._keys.confirmation(slot), "", ex=KEPT_SECONDS)
            pipe.execute()

    @outages_named
    def short_of_replicas(self) -> int:
        """How many primaries have fewer replicas that keep up than are to confirm each change."""
        if self.confirmation is None:
            return 0
        wanted = self.confirmation.replicas
        keeping_up = [
            [one for one in state.replicas if one.silent_seconds <= KEEPS_UP_SECONDS]
            for state in self._read_each() or ()
        ]
        return sum(len(replicas) < wanted for replicas in keeping_up)

    @outages_named
    def read(self) -> ServerState | None:
        """How the server says it is, or the primaries of a cluster together.

        None where its user may not ask (INFO), or it cannot answer.
        """
        states = self._read_each()
        return None if states is None else together(states)

    def _read_each(self) -> list[ServerState] | None:
        try:
            return [ServerState.from_info(one.info(*SECTIONS)) for one in primaries_of(self._client)]
        except exceptions.NoPermissionError:
            return None
        except exceptions.ResponseError as error:
            if "unknown command" not in str(error):
                raise
            return None  # renamed by an operator, and fakeredis has none


def together(states: Sequence[ServerState]) -> ServerState:
    """The states of several servers as one: sums, the oldest snapshot, and whether all is well with all."""
    if len(states) == 1:
        return states[0]
    return ServerState(
        memory_bytes=_combined(sum, (one.memory_bytes for one in states)),
        memory_limit_bytes=_combined(_sum_of_limits, (one.memory_limit_bytes for one in states)),
        last_save_at=_combined(min, (one.last_save_at for one in states)),
        changes_since_save=_combined(sum, (one.changes_since_save for one in states)),
        last_save_ok=_combined(all, (one.last_save_ok for one in states)),
        append_only=_combined(all, (one.append_only for one in states)),
        append_only_ok=_combined(all, (one.append_only_ok for one in states)),
        replicas=tuple(replica for one in states for replica in one.replicas),
    )


def _combined(combine: Callable[[list[Figure]], Figure], values: Iterable[Figure | None]) -> Figure | None:
    """The figures that are known as one; None where no server says it."""
    known = [value for value in values if value is not None]
    return combine(known) if known else None


def _sum_of_limits(limits: list[int]) -> int:
    return sum(limits) if all(limits) else 0  # one without a limit makes all of them together unlimited


def _flag(info: Mapping[str, Any], name: str) -> bool | None:
    return None if name not in info else bool(info[name])


def _succeeded(info: Mapping[str, Any], name: str) -> bool | None:
    return None if name not in info else info[name] == "ok"


def _replicas(info: Mapping[str, Any]) -> list[Replica]:
    end = info.get("master_repl_offset", 0)
    found = [info.get(f"slave{number}") for number in range(info.get("connected_slaves", 0))]
    return [
        Replica(f"{one['ip']}:{one['port']}", max(0, end - one["offset"]), one["lag"])
        for one in found
        if isinstance(one, dict)
    ]
