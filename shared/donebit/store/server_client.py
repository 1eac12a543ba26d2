"""The client of one server, or of a cluster, whichever is found at the address."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

from redis import ConnectionPool, Redis, SSLConnection, exceptions
from redis.client import Pipeline
from redis.commands.core import Script

from donebit.store.confirming import Confirmation
from donebit.store.nodes import NodeAddress, Nodes
from donebit.store.plain_server import PlainServer, speaks_plain
from donebit.store.routing import Router
from donebit.store.slots import FOR_EVERY_PRIMARY, first_key, slot_of

CLUSTER = "cluster"


class ServerClient(Redis):
    """Speaks to one server as redis-py does, and to a cluster by routing each command to its node.

    Which of the two there is, the first command asks; a server that is away is asked again by the next.

    Args:
        seeds: the server, or nodes of a cluster
        pool_at: makes the pool of connections to a server
        patience_seconds: for how long a command is sent again that a node has refused, having done nothing
        confirmation: what the pools' connections have replicas confirm; None for nothing
        before_first: is called before the first command is sent, and may raise to hold it back
    """

    def __init__(
        self,
        seeds: Sequence[NodeAddress],
        pool_at: Callable[[NodeAddress], ConnectionPool],
        patience_seconds: float,
        confirmation: Confirmation | None = None,
        before_first: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(connection_pool=pool_at(seeds[0]))
        self.confirmation = confirmation
        self.auto_close_connection_pool = True
        self._seeds, self._pool_at = tuple(seeds), pool_at
        self._patience_seconds = patience_seconds
        self._sources: dict[str, str] = {}
        self._router: Router | None = None
        self._is_known, self._before_first = False, before_first

    @property
    def router(self) -> Router | None:
        """What routes commands; None where there is one server."""
        if not self._is_known:
            self._find_out()
        return self._router

    @property
    def seeds(self) -> tuple[NodeAddress, ...]:
        """What the address names."""
        return self._seeds

    def _find_out(self) -> None:
        try:
            mode = self._mode_of_any()
        except exceptions.AuthenticationError:
            return  # so will be what the command itself is answered
        if mode == CLUSTER:
            nodes = Nodes(self._seeds, self._pool_at)
            self._router = Router(nodes, self._sources, self._patience_seconds)
        if self._before_first is not None:
            self._before_first()
        self._is_known = True

    def _mode_of_any(self) -> str:
        """What the first server that answers says of itself."""
        for number, seed in enumerate(self._seeds, start=1):
            pool = self._pool_at(seed) if number > 1 else self.connection_pool
            try:
                return mode_of(pool)
            except (exceptions.ConnectionError, exceptions.TimeoutError) as error:
                if number == len(self._seeds):
                    if issubclass(pool.connection_class, SSLConnection) and speaks_plain(seed):
                        raise PlainServer from error
                    raise
            finally:
                if number > 1:
                    pool.disconnect()
        raise AssertionError("there is no seed")

    def register_script(self, script: Any) -> Script:
        """As redis-py does; the source is kept for a node that does not know the script."""
        made = super().register_script(script)
        self._sources[made.sha] = script
        return made

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send a command, on a cluster to its node, and return its answer as redis-py reads it."""
        router = self.router
        if router is None:
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]  # the library leaves it untyped
        if args[0] in FOR_EVERY_PRIMARY:
            first, *_ = [node.execute_command(*args, **options) for node in self.primaries()]  # type: ignore[no-untyped-call]  # as above
            return first
        if args[0] == "MGET" and len(set(map(slot_of, args[1:]))) > 1:
            return self._get_each(args[1:])
        return self.parsed(router.answer(args), args, options)

    def parsed(self, answer: Any, command: Sequence[Any], options: dict[str, Any]) -> Any:
        """An answer as redis-py reads it."""
        options.pop("keys", None)
        callbacks: Mapping[str, Callable[..., Any]] = self.response_callbacks
        callback = callbacks.get(command[0])
        return answer if callback is None else callback(answer, **options)

    def _get_each(self, keys: Sequence[Any]) -> list[bytes | None]:
        with self.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.get(key)
            return pipe.execute()

    def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> Pipeline:  # noqa: FBT001, FBT002 - as redis-py has it
        """Make a pipeline; on a cluster its commands go to their nodes, in no order between nodes."""
        if self.router is None:
            return super().pipeline(transaction, shard_hint)
        return RoutedPipeline(self, transaction)

    def primaries(self) -> list[Redis]:
        """A client of each primary; of one server itself."""
        router = self.router
        if router is None:
            return [self]
        # Not by from_pool, which would close the connections of all with this object.
        return [Redis(connection_pool=router.nodes.pool(one)) for one in router.nodes.primaries()]

    def slots_to_confirm(self) -> list[int]:
        """One of the slots of each primary that this thread has asked for something yet unconfirmed."""
        noted = None if self.confirmation is None else self.confirmation.noted()
        if self.router is None:
            return [] if noted == set() else [0]
        by_address = self.router.nodes.slot_of_each_primary()
        return [
            slot for (host, port), slot in by_address.items() if noted is None or f"{host}:{port}" in noted
        ]

    def scan_iter(self, *args: Any, **options: Any) -> Iterator[Any]:
        """Go through the keys, of every primary."""
        if self.router is None:
            yield from super().scan_iter(*args, **options)
            return
        for node in self.primaries():
            yield from node.scan_iter(*args, **options)

    def close(self) -> None:
        """Close every connection."""
        super().close()
        if self._router is not None:
            self._router.nodes.close()


class RoutedPipeline(Pipeline):
    """A pipeline whose commands go to the nodes that they are for; as a transaction, to one."""

    def __init__(self, client: ServerClient, transaction: bool) -> None:  # noqa: FBT001 - as redis-py has it
        super().__init__(client.connection_pool, client.response_callbacks, transaction, None)
        self._client, self._is_transaction = client, transaction
        self._router = cast(Router, client.router)

    def execute(self, raise_on_error: bool = True) -> list[Any]:  # noqa: FBT001, FBT002 - as redis-py has it
        """Send the commands, and return their answers in their order."""
        stack = self.command_stack
        try:
            if not stack:
                return []
            return self._transacted(stack) if self._is_transaction else self._answers(stack, raise_on_error)
        finally:
            self.reset()

    def immediate_execute_command(self, *args: Any, **_: Any) -> Any:
        """Refuse WATCH, which begins this."""
        raise exceptions.RedisError(f"{args[0]} watches one node: a cluster has many")

    def _answers(self, stack: list[Any], raise_on_error: bool) -> list[Any]:  # noqa: FBT001 - as above
        answers = [
            answer if isinstance(answer, Exception) else self._client.parsed(answer, args, options)
            for answer, (args, options) in zip(
                self._router.answers([args for args, _ in stack]), stack, strict=True
            )
        ]
        if raise_on_error:
            self.raise_first_error(stack, answers)  # type: ignore[no-untyped-call]  # the library leaves it untyped
        return answers

    def _transacted(self, stack: list[Any]) -> list[Any]:
        keys = (first_key(args) for args, _ in stack)
        slot = next(slot_of(key) for key in keys if key is not None)

        def attempt_on(pool: ConnectionPool, connection: Any) -> list[Any]:
            with Pipeline(pool, self.response_callbacks, True, None) as pipe:  # noqa: FBT003 - as above
                pipe.connection = connection  # which goes back to the pool at the end
                pipe.command_stack, pipe.scripts = list(stack), set(self.scripts)
                return pipe.execute()

        return cast(list[Any], self._router.repeated(slot, attempt_on))


def mode_of(pool: ConnectionPool) -> str:
    """What a server says of itself in HELLO, which every user may ask: standalone, cluster or sentinel."""
    connection = pool.get_connection()
    try:
        # In the protocol that it speaks: an imitation of a server takes a bare HELLO for a wish to change it.
        connection.send_command("HELLO", getattr(connection, "protocol", 2))  # type: ignore[no-untyped-call]  # as above
        answer = connection.read_response()
    except exceptions.AuthenticationError:
        raise
    except exceptions.ResponseError:
        return ""  # a proxy that does not know it
    finally:
        pool.release(connection)
    # Celery's clients may speak RESP3, and decode by themselves.
    fields = answer if isinstance(answer, dict) else dict(zip(answer[::2], answer[1::2], strict=True))
    mode = fields.get(b"mode") or fields.get("mode") or ""
    return mode.decode() if isinstance(mode, bytes) else str(mode)


def router_of(client: Redis) -> Router | None:
    """What routes a client's commands; None where it reaches one server."""
    return client.router if isinstance(client, ServerClient) else None


def primaries_of(client: Redis) -> list[Redis]:
    """A client of each primary that a client reaches; of one server itself."""
    return client.primaries() if isinstance(client, ServerClient) else [client]
