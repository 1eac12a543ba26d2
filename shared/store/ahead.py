"""Many commands on one connection, some always ahead of the answers: the server need not wait for Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hiredis import pack_command
from redis import Redis, exceptions
from redis.commands.core import Script

AHEAD = 12  # commands that are sent together; two such parts are under way

Command = Sequence[str | int | bytes]


def answers_to(client: Redis, commands: Sequence[Command], script: Script | None = None) -> list[Any]:
    """What each command answers. Those that call the script do so by its digest.

    redis-py's pipeline writes all of its commands before the server sees the first, and asks before each
    whether the server knows the scripts: a third of what a question over 10^8 users took. If the server does
    not know the script, it is sent, and all begins anew: only for what may be asked twice.
    """
    if not commands:
        return []
    try:
        return _answers(client, commands)
    except exceptions.NoScriptError:
        if script is None:
            raise
        client.script_load(script.script)
        return _answers(client, commands)


def _answers(client: Redis, commands: Sequence[Command]) -> list[Any]:
    connection = client.connection_pool.get_connection()
    read: Callable[[], Any] = connection.read_response
    answers: list[Any] = []
    try:
        for start in range(0, len(commands), AHEAD):
            part = commands[start : start + AHEAD]
            packed = b"".join([pack_command(tuple(command)) for command in part])  # type: ignore[arg-type]  # takes any number
            connection.send_packed_command([packed])  # type: ignore[no-untyped-call]  # the library leaves it untyped
            answers += [read() for _ in range(start - len(answers))]
        answers += [read() for _ in range(len(commands) - len(answers))]
    except BaseException:
        # Answers that nobody reads must not be the next one's.
        connection.disconnect()  # type: ignore[no-untyped-call]  # the library leaves it untyped
        raise
    finally:
        client.connection_pool.release(connection)
    return answers
