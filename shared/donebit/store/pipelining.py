"""Many commands on one connection, some always ahead of the answers: the server need not wait for Python."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
import numpy.typing as npt
from hiredis import pack_command
from redis import Redis, exceptions
from redis.commands.core import Script
from redis.connection import AbstractConnection

from donebit import deadline
from donebit.store.confirming import ConfirmingConnection, LateQuestion, Unconfirmed
from donebit.store.nodes import NodeAddress
from donebit.store.routing import NOTHING_DONE, Router, Way
from donebit.store.server_client import router_of

AHEAD = 12  # commands that are sent together; two such parts are under way
AHEAD_OF_NODES = 3 * AHEAD  # the same on a cluster, for its nodes together
# A server runs all that has come of one client before it turns to another. So of what reads bitmaps a part
# has this many, or its last command's more: a full one that is combined takes the server about 9 us.
BITMAPS_AHEAD = 32
OF_A_GET = 4  # a full bitmap that is sent takes as long as so many that are combined

Command = Sequence[str | int | bytes] | bytes  # bytes: as it is sent


def with_rows(command: Sequence[str | int | bytes], rows: npt.NDArray[np.uint8]) -> bytes:
    """A command as it is sent, with an argument more for each row: a third of the time of one by one.

    For one server: on a cluster a command is sent by its key, which can no longer be seen.
    """
    begun: bytes = pack_command(tuple(command))  # type: ignore[arg-type]  # takes any number
    before, after = b"$%d\r\n" % rows.shape[1], b"\r\n"
    each = np.empty((len(rows), len(before) + rows.shape[1] + len(after)), np.uint8)
    each[:, : len(before)] = np.frombuffer(before, np.uint8)
    each[:, len(before) : -len(after)] = rows
    each[:, -len(after) :] = np.frombuffer(after, np.uint8)
    return b"*%d\r\n" % (len(command) + len(rows)) + begun.partition(b"\r\n")[2] + each.tobytes()


def next_part(commands: Iterator[Command], most: int) -> list[Command]:
    """The next commands that are sent together: at most so many, and fewer where their scripts are heavy."""
    deadline.refuse_late()
    part: list[Command] = []
    bitmaps = 0
    while len(part) < most and bitmaps < BITMAPS_AHEAD and (command := next(commands, None)) is not None:
        part.append(command)
        bitmaps += weight_of(command)
    return part


def weight_of(command: Command) -> int:
    """How many bitmaps a command may read."""
    match command[0]:
        case "EVALSHA":
            return int(command[2])
        case "GET":
            return OF_A_GET
        case _:
            return 0


def read_answer(connection: AbstractConnection) -> Any:
    """The next answer; raises the RedisError that it is."""
    return connection.read_response()


def answers_to(client: Redis, commands: Sequence[Command], script: Script | None = None) -> list[Any]:
    """What each command answers. Those that call the script do so by its digest.

    redis-py's pipeline writes all of its commands before the server sees the first, and asks before each
    whether the server knows the scripts: a third of what a question over 10^8 users took. If the server does
    not know the script, it is sent, and all is sent again: only for commands that may run twice.
    """
    if not commands:
        return []
    try:
        return list(answers_in_turn(client, commands))
    except exceptions.NoScriptError:
        if script is None:
            raise
        client.script_load(script.script)
        return list(answers_in_turn(client, commands))


def each_answer_to(client: Redis, commands: Sequence[Command], script: Script) -> list[Any]:
    """What each command answers, of callers who have nothing to do with each other.

    What one is refused with concerns no other, and when a connection is lost those keep their answers that
    have one; on a cluster the commands of one node share that fate. Those that the server did not run, as it
    does not know the script, are sent again. What replicas do not confirm is an error of each.

    Returns:
        The answers; in place of each that there is none of, the RedisError that says why.
    """
    if (router := router_of(client)) is not None:
        return _each_from_nodes(router, commands)
    answers = _answers_so_far(client, commands)
    unknown = [place for place, one in enumerate(answers) if isinstance(one, exceptions.NoScriptError)]
    if unknown:
        client.script_load(script.script)
        again = _answers_so_far(client, [commands[place] for place in unknown])
        for place, answer in zip(unknown, again, strict=True):
            answers[place] = answer
    return answers


def _each_from_nodes(router: Router, commands: Sequence[Command]) -> list[Any]:
    """As `each_answer_to`, node by node; the router sends a script that a node does not know."""
    of_nodes: dict[Any, list[int]] = {}
    for place, command in enumerate(commands):
        of_nodes.setdefault(router.address_of(command), []).append(place)
    answers: list[Any] = [None] * len(commands)
    for places in of_nodes.values():
        try:
            found = router.answers([commands[place] for place in places])
        except exceptions.RedisError as error:
            found = [error] * len(places)
        for place, answer in zip(places, found, strict=True):
            answers[place] = answer
    return answers


def _answers_so_far(client: Redis, commands: Sequence[Command]) -> list[Any]:
    """Each answer or refusal; for those that did not come, what the connection was lost by."""
    answers: list[Any] = []
    try:
        answers.extend(_from_server(client, commands, _answer_or_refusal))
    except Unconfirmed as error:
        return [error] * len(commands)
    except exceptions.RedisError as error:
        answers.extend([error] * (len(commands) - len(answers)))
    return answers


def _answer_or_refusal(connection: AbstractConnection) -> Any:
    try:
        return connection.read_response()
    except exceptions.ResponseError as refusal:  # the answer was read whole: the next one can be
        return refusal


def answers_in_turn(client: Redis, commands: Iterable[Command]) -> Iterator[Any]:
    """As `answers_to`, each as it comes: commands are made, and answers used, while the server works."""
    router = router_of(client)
    return _from_server(client, commands) if router is None else _from_nodes(router, commands)


def _from_server(
    client: Redis, commands: Iterable[Command], read: Callable[[AbstractConnection], Any] = read_answer
) -> Iterator[Any]:
    """As `answers_in_turn`, from one server.

    Args:
        read: how an answer is read from the connection
    """
    commands, connection = iter(commands), client.connection_pool.get_connection()
    unread, question = 0, _late_question(connection)
    try:
        while part := next_part(commands, AHEAD):
            if question:
                question.note(part)
            packed = b"".join(map(_packed, part))
            connection.send_packed_command([packed])  # type: ignore[no-untyped-call]  # the library leaves it untyped
            for _ in range(unread):
                yield read(connection)
            unread = len(part)
        if question:
            question.send()
        for _ in range(unread):
            yield read(connection)
        if question:
            question.read()
    except BaseException:
        # Answers that nobody reads must not be the next one's.
        connection.disconnect()  # type: ignore[no-untyped-call]  # the library leaves it untyped
        raise
    finally:
        client.connection_pool.release(connection)


def _from_nodes(router: Router, commands: Iterable[Command]) -> Iterator[Any]:
    commands = iter(commands)
    with ExitStack() as lent:
        flight = _Flight(router, lent)
        try:
            while part := next_part(commands, AHEAD_OF_NODES):
                flight.send(part)
                if flight.parts > 1:
                    yield from flight.receive()
            while flight.parts:
                yield from flight.receive()
            flight.confirm()
        except BaseException:
            flight.give_up()
            raise


class _Part:
    """Commands that are sent together, and their answers once they are read."""

    def __init__(self, commands: Sequence[Command], ways: Sequence[Way]) -> None:
        self.commands, self.ways = commands, ways
        self.answers: list[Any] = []


class _Flight:
    """Parts that are on their way to the nodes of a cluster, and back."""

    def __init__(self, router: Router, lent: ExitStack) -> None:
        self._router, self._lent = router, lent
        self._connections: dict[Any, Any] = {}
        self._questions: dict[Any, LateQuestion | None] = {}
        self._under_way: deque[_Part] = deque()

    @property
    def parts(self) -> int:
        return len(self._under_way)

    def send(self, commands: Sequence[Command]) -> None:
        """Send each command to its node."""
        ways = [Way(self._router.address_of(command)) for command in commands]
        of_nodes: dict[Any, list[Command]] = {}
        for command, way in zip(commands, ways, strict=True):
            of_nodes.setdefault(way.address, []).append(command)
        for address, of_node in of_nodes.items():
            connection = self._connection_to(address)
            if question := self._questions[address]:
                question.note(of_node)
            with self._router.noting(address):
                connection.send_packed_command([b"".join(map(_packed, of_node))])
        self._under_way.append(_Part(commands, ways))

    def _connection_to(self, address: NodeAddress) -> Any:
        if address not in self._connections:
            connection = self._lent.enter_context(self._router.connection_to(address))
            self._connections[address], self._questions[address] = connection, _late_question(connection)
        return self._connections[address]

    def confirm(self) -> None:
        """Ask the replicas of each node, once every answer is read."""
        questions = [one for one in self._questions.values() if one]
        for question in questions:
            question.send()
        for question in questions:
            question.read()

    def receive(self) -> list[Any]:
        """The answers to the part that was sent first."""
        part = self._under_way[0]
        if not part.answers:
            self._read(part)
            if any(isinstance(answer, NOTHING_DONE) for answer in part.answers):
                self._send_again()
        self._under_way.popleft()
        for answer in part.answers:
            if isinstance(answer, Exception):
                raise answer
        return part.answers

    def _read(self, part: _Part) -> None:
        part.answers = [self._router.read(self._connections[way.address], way) for way in part.ways]

    def _send_again(self) -> None:
        """Send what a node has refused, in order, before anything else: what follows may build on it."""
        for part in self._under_way:
            if not part.answers:
                self._read(part)
        refused = [
            (part, place)
            for part in self._under_way
            for place, answer in enumerate(part.answers)
            if isinstance(answer, NOTHING_DONE)
        ]
        # Every answer is read. The router lends for itself, and a pool may have no more than one connection.
        self.confirm()
        self._lent.close()
        self._connections.clear()
        self._questions.clear()
        answers = self._router.answers(
            [part.commands[place] for part, place in refused],
            [(part.ways[place], part.answers[place]) for part, place in refused],
        )
        for (part, place), answer in zip(refused, answers, strict=True):
            part.answers[place] = answer

    def give_up(self) -> None:
        """Close the connections: answers that nobody reads must not be the next one's."""
        for connection in self._connections.values():
            connection.disconnect()


def _late_question(connection: AbstractConnection) -> LateQuestion | None:
    return LateQuestion(connection, _packed) if isinstance(connection, ConfirmingConnection) else None


def _packed(command: Command) -> bytes:
    if isinstance(command, bytes):
        return command
    packed: bytes = pack_command(tuple(command))  # type: ignore[arg-type]  # takes any number
    return packed
