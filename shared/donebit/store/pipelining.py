"""Many commands on one connection, some always ahead of the answers: the server need not wait for Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from hiredis import pack_command
from redis import Redis, exceptions
from redis.commands.core import Script
from redis.connection import AbstractConnection

AHEAD = 12  # commands that are sent together; two such parts are under way

Command = Sequence[str | int | bytes]


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

    What one is refused with concerns no other, and when the connection is lost those keep their answers that
    have one. Those that the server did not run, as it does not know the script, are sent again.

    Returns:
        The answers; in place of each that there is none of, the RedisError that says why.
    """
    answers = _answers_so_far(client, commands)
    unknown = [place for place, one in enumerate(answers) if isinstance(one, exceptions.NoScriptError)]
    if unknown:
        client.script_load(script.script)
        again = _answers_so_far(client, [commands[place] for place in unknown])
        for place, answer in zip(unknown, again, strict=True):
            answers[place] = answer
    return answers


def _answers_so_far(client: Redis, commands: Sequence[Command]) -> list[Any]:
    """Each answer or refusal; for those that did not come, what the connection was lost by."""
    answers: list[Any] = []
    try:
        answers.extend(answers_in_turn(client, commands, _answer_or_refusal))
    except exceptions.RedisError as error:
        answers.extend([error] * (len(commands) - len(answers)))
    return answers


def _answer_or_refusal(connection: AbstractConnection) -> Any:
    try:
        return connection.read_response()
    except exceptions.ResponseError as refusal:  # the answer was read whole: the next one can be
        return refusal


def answers_in_turn(
    client: Redis, commands: Iterable[Command], read: Callable[[AbstractConnection], Any] = read_answer
) -> Iterator[Any]:
    """As `answers_to`, each as it comes: commands are made, and answers used, while the server works.

    Args:
        read: how an answer is read from the connection
    """
    commands, connection = iter(commands), client.connection_pool.get_connection()
    unread = 0
    try:
        while part := list(islice(commands, AHEAD)):
            packed = b"".join([pack_command(tuple(command)) for command in part])  # type: ignore[arg-type]  # takes any number
            connection.send_packed_command([packed])  # type: ignore[no-untyped-call]  # the library leaves it untyped
            for _ in range(unread):
                yield read(connection)
            unread = len(part)
        for _ in range(unread):
            yield read(connection)
    except BaseException:
        # Answers that nobody reads must not be the next one's.
        connection.disconnect()  # type: ignore[no-untyped-call]  # the library leaves it untyped
        raise
    finally:
        client.connection_pool.release(connection)
