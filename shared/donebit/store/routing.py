"""Commands on their way to the nodes of a cluster, and once more where a node says that it did nothing.

MOVED, ASK, TRYAGAIN and NOSCRIPT are such answers. What is lost with a connection may have been done, and
is not sent again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from typing import Any, Final, NamedTuple, cast

from redis import ConnectionPool, exceptions

from donebit.store.connections import ELSEWHERE
from donebit.store.nodes import NodeAddress, Nodes
from donebit.store.packing import PackedCommand
from donebit.store.slots import first_key, slot_of

Command = Sequence[Any]

NOTHING_DONE: Final = (exceptions.AskError, exceptions.TryAgainError, exceptions.NoScriptError)  # and MOVED
TROUBLES: Final = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.ClusterDownError,
    *ELSEWHERE,
)
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.005, 0.1


class NothingSent(Exception):
    """A node could not be connected to, before any command was sent to any; its cause is why."""


class Way(NamedTuple):
    """Where a command goes; `asks` when that node is still getting the slot."""

    address: NodeAddress
    asks: bool = False


class Router:
    """Sends commands to the nodes of a cluster.

    Args:
        sources: of scripts, by their digests
        patience_seconds: for how long it is sent again what was not done
    """

    def __init__(self, nodes: Nodes, sources: Mapping[str, str], patience_seconds: float) -> None:
        self.nodes = nodes
        self._sources = sources
        self._patience_seconds = patience_seconds

    def address_of(self, command: Command) -> NodeAddress:
        """The node that a command is for; the first primary for one without a key."""
        key = first_key(command)
        return self.nodes.primaries()[0] if key is None else self.nodes.primary_of(slot_of(key))

    def answer(self, command: Command) -> Any:
        """Send one command, and return its answer."""
        address = self.address_of(command)
        pool = self.nodes.pool(address)
        try:
            try:
                connection = pool.get_connection()
            except exceptions.ConnectionError as error:
                self.nodes.note_trouble(address)
                return self._answer_elsewhere(command, address, error)
            try:
                connection.send_command(*command)  # type: ignore[no-untyped-call]  # the library leaves it untyped
                return connection.read_response()
            finally:
                pool.release(connection)
        except NOTHING_DONE as error:
            return self.answer_again(command, Way(address), error)
        except TROUBLES:
            self.nodes.note_trouble(address)
            raise

    def _answer_elsewhere(
        self, command: Command, away: NodeAddress, error: exceptions.ConnectionError
    ) -> Any:
        """Send a command that could not be sent to a node that is away, if another has its slots by now."""
        if self.address_of(command) == away:
            raise error
        (answer,) = self.answers([command])
        if isinstance(answer, Exception):
            raise answer
        return answer

    def answer_again(self, command: Command, way: Way, error: exceptions.RedisError) -> Any:
        """Send a command that a node has refused, having done nothing, until one does it."""
        (answer,) = self.answers([command], [(way, error)])
        if isinstance(answer, Exception):
            raise answer
        return answer

    def answers(
        self,
        commands: Sequence[Command],
        refusals: Sequence[tuple[Way, exceptions.RedisError]] = (),
    ) -> list[Any]:
        """What each command is answered, an error of the server's as a value.

        Args:
            refusals: how each was refused already, if it was
        """
        answers: list[Any] = [None] * len(commands)
        ways = [Way(self.address_of(command)) for command in commands] if not refusals else []
        for place, (way, error) in enumerate(refusals):
            answers[place] = error
            ways.append(way)
        pending = list(range(len(commands)))
        deadline = time.monotonic() + self._patience_seconds
        for attempt in count(1 if refusals else 0):
            if attempt:
                pending = [place for place in pending if isinstance(answers[place], NOTHING_DONE)]
                if not pending or time.monotonic() > deadline:
                    return answers
                pause_before(attempt)
                for place in pending:
                    ways[place] = self._follow(commands[place], ways[place], answers[place])
            for place, answer in zip(pending, self._sent_or_elsewhere(commands, ways, pending), strict=True):
                answers[place] = answer
        raise AssertionError("attempts do not end")

    def _sent_or_elsewhere(
        self, commands: Sequence[Command], ways: list[Way], pending: Sequence[int]
    ) -> list[Any]:
        """Send the commands of these places; where a node is away whose slots another has by now, to that."""
        while True:
            tried = [ways[place] for place in pending]
            try:
                return self._sent(list(zip((commands[place] for place in pending), tried, strict=True)))
            except NothingSent as error:
                for place in pending:
                    ways[place] = Way(self.address_of(commands[place]))
                if [ways[place] for place in pending] == tried:
                    raise cast(exceptions.ConnectionError, error.__cause__) from None

    def _follow(self, command: Command, way: Way, error: exceptions.RedisError) -> Way:
        """Where a command goes next that was refused."""
        if isinstance(error, exceptions.NoScriptError):
            self._load(command, way.address)
            return way
        if isinstance(error, exceptions.MovedError):
            address = NodeAddress(error.host or way.address.host, error.port)
            self.nodes.moved(error.slot_id, address)
            return Way(address)
        if isinstance(error, exceptions.AskError):
            return Way(NodeAddress(error.host or way.address.host, error.port), asks=True)
        return way  # TRYAGAIN

    def _load(self, command: Command, address: NodeAddress) -> None:
        """Give a node the script that a command calls and it does not know."""
        digest = _arguments(command)[1]
        source = self._sources[digest.decode() if isinstance(digest, bytes) else str(digest)]
        with self.connection_to(address) as connection:
            connection.send_command("SCRIPT LOAD", source)
            connection.read_response()

    def _sent(self, commands: Sequence[tuple[Command, Way]]) -> list[Any]:
        """Send each command to its node, all before the first answer is read."""
        addresses = sorted({way.address for _, way in commands})  # in an order: no two wait for each other
        with ExitStack() as stack:
            try:
                connections = {one: stack.enter_context(self.connection_to(one)) for one in addresses}
            except exceptions.ConnectionError as error:
                raise NothingSent from error
            for address, connection in connections.items():
                of_node = [
                    (_arguments(command), way.asks) for command, way in commands if way.address == address
                ]
                with self.noting(address):
                    connection.send_packed_command(connection.pack_commands(_asking(of_node)))
            return [self.read(connections[way.address], way) for _, way in commands]

    def read(self, connection: Any, way: Way) -> Any:
        """The next answer on a connection, an error of the server's as a value."""
        with self.noting(way.address):
            try:
                if way.asks:
                    connection.read_response()
                return connection.read_response()
            except exceptions.ConnectionError:  # LOADING is one, and so is what a closed connection raises
                raise
            except exceptions.ResponseError as error:
                if isinstance(error, TROUBLES):
                    self.nodes.note_trouble(way.address)
                return error

    @contextmanager
    def connection_to(self, address: NodeAddress) -> Iterator[Any]:
        """Lend a connection, which is closed where answers may be left on it."""
        connection = self._connection_of(address)
        try:
            yield connection
        except exceptions.ResponseError:
            raise
        except BaseException:
            connection.disconnect()
            raise
        finally:
            self.nodes.pool(address).release(connection)

    @contextmanager
    def noting(self, address: NodeAddress) -> Iterator[None]:
        """Note that a node is in trouble, where what is done with it says so."""
        try:
            yield
        except TROUBLES:
            self.nodes.note_trouble(address)
            raise

    def _connected(self, slot: int, address: NodeAddress) -> tuple[NodeAddress, Any]:
        """A connection to the node, or, if there is none to be had, to the one that has the slot by now."""
        try:
            return address, self._connection_of(address)
        except exceptions.ConnectionError:
            other = self.nodes.primary_of(slot)
            if other == address:
                raise
            return other, self._connection_of(other)

    def _connection_of(self, address: NodeAddress) -> Any:
        with self.noting(address):
            return self.nodes.pool(address).get_connection()

    def repeated(self, slot: int, attempt_on: Callable[[ConnectionPool, Any], Any]) -> Any:
        """What comes of a transaction of one slot, tried again where its node has not begun it.

        Args:
            attempt_on: makes it on a connection of this pool, and gives the connection back
        """
        address, deadline = self.nodes.primary_of(slot), time.monotonic() + self._patience_seconds
        for attempt in count(1):
            address, connection = self._connected(slot, address)
            try:
                return attempt_on(self.nodes.pool(address), connection)
            except exceptions.MovedError as error:
                if time.monotonic() > deadline:
                    raise
                address = NodeAddress(error.host or address.host, error.port)
                self.nodes.moved(error.slot_id, address)
            except (exceptions.AskError, exceptions.TryAgainError):
                if time.monotonic() > deadline:
                    raise
            except TROUBLES:
                self.nodes.note_trouble(address)
                raise
            pause_before(attempt)
        raise AssertionError("attempts do not end")


def pause_before(attempt: int) -> None:
    """Wait before a further attempt, but not before the first."""
    if attempt > 1:
        time.sleep(min(FIRST_PAUSE_SECONDS * 2**attempt, LONGEST_PAUSE_SECONDS))


def _asking(commands: Iterable[tuple[Command, bool]]) -> list[Command]:
    return [part for command, asks in commands for part in ([("ASKING",), command] if asks else [command])]


def _arguments(command: Command) -> Command:
    """A command as the library packs it."""
    return command.arguments if isinstance(command, PackedCommand) else command
