"""How Donebit speaks to Redis: one pool per process, short waits, and an outage as one exception."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import timedelta
from functools import cache, partial, wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

from redis import Redis, exceptions
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.retry import Retry

from donebit import redis_url
from donebit.errors import ConfigurationError, StoreUnavailable
from donebit.redis_url import RedisUrl
from donebit.store.confirming import Confirmation, ConfirmingConnection, Unconfirmed
from donebit.store.connections import CheckedConnection, Term, options_of, store_class
from donebit.store.lending import LendingPool
from donebit.store.nodes import NodeAddress
from donebit.store.plain_server import PlainServer
from donebit.store.server_client import ServerClient, router_of

Given = ParamSpec("Given")
Answer = TypeVar("Answer")

SCRIPTS = Path(__file__).parent / "scripts"
NEEDS = re.compile(r"^-- needs: (\w+)$", re.MULTILINE)
# But scratch, which nobody else sees, and counts that are kept, which are counted again where they are lost.
CHANGES_NOTHING = re.compile(r"^-- changes nothing$", re.MULTILINE)
READS_BITMAPS = re.compile(r"^-- reads bitmaps( twice)?$", re.MULTILINE)  # each key may be a whole one

# What passes by itself, or with an operator's help, and is no fault of the request.
OUTAGES = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.MasterDownError,
)
# What an operator has to mend; some are of the classes above.
SAID: dict[type, str] = {
    exceptions.AuthenticationError: "Redis refuses the credentials in REDIS_URL",
    exceptions.InvalidResponse: "what answers at REDIS_URL is no Redis server",
    PlainServer: "the server at REDIS_URL does not speak TLS",
}
NO_SUCH_DATABASE = ("DB index is out of range", "invalid DB index", "value is out of range")
ONE_DATABASE = "SELECT is not allowed in cluster mode"
# How the answer of a server begins that refuses, and why, in words that name no command and no key.
REFUSALS = {
    "OOM ": "its memory is full",
    "READONLY": "it takes no writes",
    "MISCONF": "it cannot save to its disk",
    "LOADING": "it is loading its data",
    "NOREPLICAS": "it has too few replicas",
    "BUSY ": "a script holds it up",
    "MASTERDOWN": "it has lost its primary",
    "CLUSTERDOWN": "the cluster does not serve all of its slots",
    "ASK": "a slot of the cluster is being moved",
}
# Those that redis-py has a class for, whose text lacks the beginning.
REFUSING_CLASSES = {
    exceptions.OutOfMemoryError: "OOM ",
    exceptions.ReadOnlyError: "READONLY",
    exceptions.ClusterDownError: "CLUSTERDOWN",
    # For longer than is waited for: key by key, or by nodes that do not agree.
    exceptions.AskError: "ASK",
    exceptions.TryAgainError: "ASK",
}
# Before the answer to a command of a pipeline redis-py puts "Command # 1 (GET k) of pipeline caused error: ".
IN_A_PIPELINE = " of pipeline caused error: "
KILLED = "Script killed by user"  # an operator's SCRIPT KILL, which only ends a script that wrote nothing


def connect(
    url: str,
    *,
    connections: int,
    timeout: timedelta,
    confirmation: Confirmation | None = None,
    before_first: Callable[[], None] | None = None,
) -> ServerClient:
    """A client that waits `timeout` at most for an answer, and never sends a command twice.

    Of one server, or of a cluster: which, the first command finds out. Of a cluster it holds `connections` to
    each node at most, and sends a command again only where a node says that it did nothing.

    A mark that may have run must not be sent again without the caller's knowledge: the second answer would
    say "not fresh" where the first said "completed". Connections gone stale are noticed when they are
    taken from the pool, before anything is sent, so neither a restarted server nor a firewall that drops idle
    connections costs anybody an error.

    Args:
        url: as REDIS_URL is
        connections: to each server, at most
        timeout: for how long an answer is waited for
        confirmation: what replicas have to do with each change; None for nothing
        before_first: as of ServerClient

    Raises:
        ConfigurationError: the address is not one of a Redis server.
    """
    try:
        server = redis_url.read(url)
    except ValueError as error:
        raise ConfigurationError(f"REDIS_URL: {error}") from None

    pool_at = partial(_pool_to, server, connections=connections, timeout=timeout, confirmation=confirmation)
    seeds = [NodeAddress(host, port) for host, port in server.addresses]
    return ServerClient(seeds, pool_at, timeout.total_seconds(), confirmation, before_first)


def _pool_to(
    server: RedisUrl,
    address: NodeAddress,
    connections: int,
    timeout: timedelta,
    confirmation: Confirmation | None,
) -> LendingPool:
    """Connections as the URL has them, to this address; over a socket file, to that."""
    place = {} if server.socket_path else address._asdict()
    kind, confirming = store_class(server), dict[str, Any]()
    if confirmation is not None:
        kind, confirming = confirming_class(kind), {"confirmation": confirmation}
    return LendingPool(  # type: ignore[no-untyped-call]  # the library leaves it untyped
        **options_of(server) | place | confirming,
        connection_class=kind,
        protocol=2,
        max_connections=connections,
        timeout=timeout.total_seconds(),
        socket_connect_timeout=timeout.total_seconds(),
        socket_timeout=timeout.total_seconds(),
        retry=Retry(NoBackoff(), 0),
        term=Term(),
    )


def confirming_class(kind: type[CheckedConnection]) -> type[CheckedConnection]:
    """The class of connections of a kind that have replicas confirm what changes."""
    return type(f"Confirming{kind.__name__}", (ConfirmingConnection, kind), {})


def refuse_database(client: Redis) -> None:
    """Ask the server for the database that the address names.

    Raises:
        ConfigurationError: it has none of that number.
    """
    try:
        client.ping()
    except exceptions.ResponseError as error:
        named = client.connection_pool.connection_kwargs["db"]
        if str(error).startswith(ONE_DATABASE):
            raise ConfigurationError(f"REDIS_URL names database {named}; a cluster has only 0") from None
        if not str(error).startswith(NO_SUCH_DATABASE):
            raise
        raise ConfigurationError(f"REDIS_URL names database {named}; {_databases(client)}") from None


def _databases(client: Redis) -> str:
    """Which databases there are, in a sentence; some servers do not answer that."""
    pool = client.connection_pool
    first = type(pool)(**{**pool.connection_kwargs, "db": 0, "connection_class": pool.connection_class})
    try:
        with Redis.from_pool(first) as other:
            known = int(cast(dict[str, str], other.config_get("databases"))["databases"])
    except (exceptions.RedisError, KeyError):
        return "this server has none of that number"
    return f"this server's databases are 0 to {known - 1}"


def scripts_of(client: Redis) -> dict[str, Script]:
    """Every script by name, sent by its digest and loaded by itself where the server does not know it."""
    return {name: client.register_script(source) for name, source in _sources().items()}


@cache
def _sources() -> dict[str, str]:
    return {file.stem: source_of(file) for file in SCRIPTS.glob("*.lua")}


@cache
def reading_scripts() -> frozenset[str]:
    """The digests of the scripts that change nothing."""
    return frozenset(_digest(source) for source in _sources().values() if CHANGES_NOTHING.search(source))


@cache
def bitmap_scripts() -> dict[str, int]:
    """By digest, the scripts that take as long as they read bitmaps, and how often they read each, about."""
    found = ((_digest(source), READS_BITMAPS.search(source)) for source in _sources().values())
    return {digest: 2 if mark[1] else 1 for digest, mark in found if mark}


def _digest(source: str) -> str:
    return hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()


def source_of(file: Path) -> str:
    """A script's source, after those that a line `-- needs: name` names, each as a function of its name.

    So what ends a task stands in one script, and others call it.
    """
    source = file.read_text()
    functions = (
        f"local function {name}(KEYS, ARGV)\n{source_of(file.with_stem(name))}\nend\n"
        for name in NEEDS.findall(source)
    )
    return "".join(functions) + source


def answer_to(client: Redis, *command: str | int) -> object:
    """Send one command on a connection of the pool, and read its answer.

    As client.execute_command does, less its retries, which connect() forbids, and its telemetry, which
    nobody collects. A connection whose command failed half way is closed by itself.
    """
    router = router_of(client)
    if router is not None:
        return router.answer(command)
    pool: Any = client.connection_pool
    quick = isinstance(pool, LendingPool)  # unlike that of a test's own client
    connection = pool.lend() if quick else pool.get_connection()
    try:
        connection.send_command(*command)
        return connection.read_response()
    finally:
        (pool.take_back if quick else pool.release)(connection)


def outages_named(operation: Callable[Given, Answer]) -> Callable[Given, Answer]:
    """Turn whatever says "not now" into StoreUnavailable; leave mistakes of ours as they are.

    A plain wrapper: a context manager here would cost every operation 0.6 us more.
    """

    @wraps(operation)
    def named(*args: Given.args, **kwargs: Given.kwargs) -> Answer:
        try:
            return operation(*args, **kwargs)
        except exceptions.RedisError as error:
            if outage := as_outage(error):
                raise outage from error
            raise

    return named


def as_outage(error: exceptions.RedisError) -> StoreUnavailable | None:
    """What an error is to those who asked; None if it is a mistake of ours."""
    if said := next((said for kind, said in SAID.items() if isinstance(error, kind)), None):
        return StoreUnavailable(said)
    if isinstance(error, OUTAGES):
        return StoreUnavailable("Redis cannot be reached")
    if isinstance(error, exceptions.NoScriptError):
        # SCRIPT FLUSH, or another server, while a pipeline was under way: the rest of it did not run.
        # What may run twice is sent again by itself; anything else only by a caller who knows it may.
        return StoreUnavailable("Redis lost its scripts while they were in use: send it again")
    if isinstance(error, Unconfirmed):
        return StoreUnavailable(
            "too few replicas have confirmed the change, which may be kept or lost: send it again"
        )
    why = _refusal(error)
    return StoreUnavailable(f"Redis cannot serve now: {why}") if why else None


def _refusal(error: exceptions.RedisError) -> str | None:
    """Why a server refuses that is there; None if the error is a mistake of ours."""
    reply = str(error).rpartition(IN_A_PIPELINE)[2]
    if KILLED in reply:
        return "an operator ended the script"
    code = next((code for kind, code in REFUSING_CLASSES.items() if isinstance(error, kind)), reply)
    return next((why for begin, why in REFUSALS.items() if code.startswith(begin)), None)
