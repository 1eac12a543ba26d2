"""Many commands on one connection, some always ahead of the answers: the server need not wait for Python."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

from redis import Redis, exceptions
from redis.commands.core import Script
from redis.connection import AbstractConnection

from donebit import deadline
from donebit.store.client import bitmap_scripts
from donebit.store.confirming import Unconfirmed, late_question
from donebit.store.flight import Flight
from donebit.store.packing import Command, packed
from donebit.store.routing import Router
from donebit.store.server_client import router_of

AHEAD = 12  # commands that are sent together; at most two such bundles are under way
# A server runs all that has come of one client before it turns to another, and a full bitmap that is combined
# takes it about 9 us. So a bundle reads this many at most, which are two unions of thirty days, or what its
# only command reads; it is sent once the others are answered.
BITMAPS_AHEAD = 66
OF_A_GET = 4  # a full bitmap that is sent takes as long as so many that are combined
# A cluster has three nodes at least: more is under way to all of them, for each is to have work.
AHEAD_OF_NODES, BITMAPS_AHEAD_OF_NODES = 3 * AHEAD, 2 * BITMAPS_AHEAD


class Bundle(NamedTuple):
    """Commands that are sent together, and how many bitmaps they may read."""

    commands: list[Command]
    bitmaps: int


def bundles(
    commands: Iterable[Command], most: int = AHEAD, most_bitmaps: int = BITMAPS_AHEAD
) -> Iterator[Bundle]:
    """The commands that are sent together: at most so many, and fewer where their scripts are heavy."""
    bundle: list[Command] = []
    bitmaps = 0
    for command in commands:
        weight = weight_of(command)
        if len(bundle) == most or (bitmaps and weight and bitmaps + weight > most_bitmaps):
            deadline.refuse_late()
            yield Bundle(bundle, bitmaps)
            bundle, bitmaps = [], 0
        bundle.append(command)
        bitmaps += weight
    deadline.refuse_late()
    if bundle:
        yield Bundle(bundle, bitmaps)


def weight_of(command: Command) -> int:
    """How many bitmaps a command may read."""
    match command[0]:
        case "EVALSHA" if times := bitmap_scripts().get(str(command[1])):
            keys = int(command[2])
            return max(times * keys, len(command) - 3 - keys)  # some may be read for each argument
        case "GET":
            return OF_A_GET
        case _:
            return 0


def must_wait(bundle: Bundle, under_way: Sequence[Bundle]) -> bool:
    """Whether a bundle is sent only after the answers to one that is under way."""
    return len(under_way) > 1 or (bool(under_way) and bundle.bitmaps > 0)


def read_answer(connection: AbstractConnection) -> Any:
    """The next answer; raises the RedisError that it is."""
    return connection.read_response()


def answers_to(client: Redis, commands: Sequence[Command], *scripts: Script) -> list[Any]:
    """What each command answers. Those that call one of the scripts do so by its digest.

    redis-py's pipeline writes all of its commands before the server sees the first, and asks before each
    whether the server knows the scripts: a third of what a question over 10^8 users took. If the server does
    not know one, they are sent, and all is sent again: only for commands that may run twice.
    """
    if not commands:
        return []
    try:
        return list(answers_in_turn(client, commands))
    except exceptions.NoScriptError:
        if not scripts:
            raise
        for script in scripts:
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
    connection = client.connection_pool.get_connection()
    under_way, question = deque[Bundle](), late_question(connection)
    try:
        for bundle in bundles(commands):
            request = b"".join(map(packed, bundle.commands))  # while the server works
            while must_wait(bundle, under_way):
                yield from (read(connection) for _ in under_way.popleft().commands)
            if question:
                question.note(bundle.commands)
            connection.send_packed_command([request])  # type: ignore[no-untyped-call]  # the library leaves it untyped
            under_way.append(bundle)
        if question:
            question.send()
        for bundle in under_way:
            yield from (read(connection) for _ in bundle.commands)
        if question:
            question.read()
    except BaseException:
        # Answers that nobody reads must not be the next one's.
        connection.disconnect()  # type: ignore[no-untyped-call]  # the library leaves it untyped
        raise
    finally:
        client.connection_pool.release(connection)


def _from_nodes(router: Router, commands: Iterable[Command]) -> Iterator[Any]:
    with ExitStack() as lent:
        flight = Flight(router, lent)
        try:
            for bundle in bundles(commands, AHEAD_OF_NODES, BITMAPS_AHEAD_OF_NODES):
                flight.send(bundle.commands)
                if flight.parts > 1:
                    yield from flight.receive()
            while flight.parts:
                yield from flight.receive()
            flight.confirm()
        except BaseException:
            flight.give_up()
            raise
