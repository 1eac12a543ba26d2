"""Many commands on one connection, some always ahead of the answers: the server need not wait for Python."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
from hiredis import pack_command
from redis import Redis, exceptions
from redis.commands.core import Script

AHEAD = 12  # commands that are sent together; two such parts are under way

Command = Sequence[str | int | bytes] | bytes  # bytes: as it is sent


def with_rows(command: Sequence[str | int | bytes], rows: npt.NDArray[np.uint8]) -> bytes:
    """A command as it is sent, with an argument more for each row: a third of the time of one by one."""
    begun: bytes = pack_command(tuple(command))  # type: ignore[arg-type]  # takes any number
    before, after = b"$%d\r\n" % rows.shape[1], b"\r\n"
    each = np.empty((len(rows), len(before) + rows.shape[1] + len(after)), np.uint8)
    each[:, : len(before)] = np.frombuffer(before, np.uint8)
    each[:, len(before) : -len(after)] = rows
    each[:, -len(after) :] = np.frombuffer(after, np.uint8)
    return b"*%d\r\n" % (len(command) + len(rows)) + begun.partition(b"\r\n")[2] + each.tobytes()


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


def answers_in_turn(client: Redis, commands: Iterable[Command]) -> Iterator[Any]:
    """As `answers_to`, each as it comes: commands are made, and answers used, while the server works."""
    commands, connection = iter(commands), client.connection_pool.get_connection()
    unread = 0
    try:
        while part := list(islice(commands, AHEAD)):
            packed = b"".join(map(_packed, part))
            connection.send_packed_command([packed])  # type: ignore[no-untyped-call]  # the library leaves it untyped
            for _ in range(unread):
                yield connection.read_response()
            unread = len(part)
        for _ in range(unread):
            yield connection.read_response()
    except BaseException:
        # Answers that nobody reads must not be the next one's.
        connection.disconnect()  # type: ignore[no-untyped-call]  # the library leaves it untyped
        raise
    finally:
        client.connection_pool.release(connection)


def _packed(command: Command) -> bytes:
    if isinstance(command, bytes):
        return command
    packed: bytes = pack_command(tuple(command))  # type: ignore[arg-type]  # takes any number
    return packed
