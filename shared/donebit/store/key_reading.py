"""Reads keys of any type as they are, a bounded part at a time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, cast

from redis import Redis

from donebit.errors import Conflict
from donebit.store.catalogue import Catalogue
from donebit.store.client import answer_to, outages_named
from donebit.store.key_names import Keys
from donebit.store.key_values import (
    SIZE_COMMANDS,
    KeyHead,
    as_bytes,
    as_text,
    flat,
    read_command,
)
from donebit.store.routing import Command
from donebit.store.server_client import primaries_of, router_of

KEYS_A_PAGE = 1000
CHUNK_BYTES = 1024 * 1024  # of a key that is read in parts, about
ELEMENTS_A_PART = 1000  # at most, of any other type; fewer where they are large
GONE: Final = -2  # as PEXPIRETIME answers for a key that is not there


class KeyReader:
    """Keys of one installation.

    Every method raises StoreUnavailable when the server cannot be reached or does not answer in time.
    """

    def __init__(self, client: Redis, keys: Keys) -> None:
        self._client = client
        self._prefix = keys.prefix
        self._rows = Catalogue("")
        # Not by from_pool, which would close the connections of all with this object.
        self._raw = Redis(connection_pool=client.connection_pool)
        self._raw.response_callbacks.clear()  # answers as the server gives them, whatever the command

    def pages(self) -> Iterator[list[str]]:
        """The names of all keys under the prefix, without it; one may come twice."""
        for primary in self._primaries():
            yield from self._pages_of(primary)

    @outages_named
    def _primaries(self) -> list[Redis]:
        return primaries_of(self._client)

    def _pages_of(self, primary: Redis) -> Iterator[list[str]]:
        cursor = b"0"
        pattern = re.sub(r"([\\*?\[\]^])", r"\\\1", self._prefix) + "*"
        while True:
            cursor, names = self._page(primary, cursor, pattern)
            yield [as_text(name)[len(self._prefix) :] for name in names]
            if cursor == b"0":
                return

    @outages_named
    def _page(self, primary: Redis, cursor: bytes, pattern: str) -> tuple[bytes, list[bytes]]:
        found = answer_to(primary, "SCAN", cursor.decode(), "MATCH", pattern, "COUNT", KEYS_A_PAGE)
        return cast(tuple[bytes, list[bytes]], found)

    @outages_named
    def heads(self, names: Iterable[str]) -> list[KeyHead]:
        """Those of the keys that are there and are in the catalogue.

        Raises:
            Conflict: one has another type than the catalogue says.
        """
        rows = [(name, row) for name in names if (row := self._rows.row_of(name)) is not None]
        commands: list[Command] = []
        for name, row in rows:
            key = self._key(name)
            commands += [(SIZE_COMMANDS[row.redis_type], key), ("PEXPIRETIME", key)]
            if row.redis_type != "string":  # an element may have 64 bytes, or 64 kB
                commands.append(("MEMORY USAGE", key))
        answers = iter(self._answers(commands))
        heads = [_head(name, row.redis_type, answers) for name, row in rows]
        return [head for head in heads if head.expires_ms != GONE]

    @outages_named
    def whole(self, heads: Sequence[KeyHead]) -> list[list[bytes]]:
        """What keys hold, each as `flat` has it, in one round trip."""
        with self._raw.pipeline(transaction=False) as pipe:
            for head in heads:
                pipe.execute_command(*read_command(head.kind, self._key(head.name)))  # type: ignore[no-untyped-call]  # as above
            answers = pipe.execute()
        return [flat(head.kind, answer) for head, answer in zip(heads, answers, strict=True)]

    def parts(self, head: KeyHead) -> Iterator[list[bytes]]:
        """What a key holds, a part at a time; what changes meanwhile may come or not."""
        if head.kind in ("hash", "set"):
            yield from self._scanned(head)
            return
        step = _step(head)
        last = "-"
        for start in range(0, head.size, step):
            part = self._part(head, start, start + step - 1, last)
            if not part:
                return
            yield flat(head.kind, part)
            if head.kind == "stream":
                last = f"({part[-1][0].decode()}"

    @outages_named
    def _part(self, head: KeyHead, start: int, stop: int, last: str) -> Any:
        key = self._key(head.name)
        command: tuple[Any, ...] = {
            "string": ("GETRANGE", key, start, stop),
            "zset": ("ZRANGE", key, start, stop, "WITHSCORES"),
            "list": ("LRANGE", key, start, stop),
            "stream": ("XRANGE", key, last, "+", "COUNT", stop - start + 1),
        }[head.kind]
        return answer_to(self._client, *command)

    def _scanned(self, head: KeyHead) -> Iterator[list[bytes]]:
        cursor = b"0"
        while True:
            cursor, values = self._scan(head, cursor)
            yield values
            if cursor == b"0":
                return

    @outages_named
    def _scan(self, head: KeyHead, cursor: bytes) -> tuple[bytes, list[bytes]]:
        command = "HSCAN" if head.kind == "hash" else "SSCAN"
        key = self._key(head.name)
        found = answer_to(self._client, command, key, cursor, "COUNT", _step(head))  # type: ignore[arg-type]  # bytes do
        return cast(tuple[bytes, list[bytes]], found)

    @outages_named
    def counts(self, heads: Sequence[KeyHead]) -> list[int]:
        """How many elements each has; of a string how many bits are set."""
        commands = SIZE_COMMANDS | {"string": "BITCOUNT"}
        answers = self._answers([(commands[head.kind], self._key(head.name)) for head in heads])
        return [_size(head.name, answer) for head, answer in zip(heads, answers, strict=True)]

    def _answers(self, commands: Sequence[Command]) -> list[Any]:
        """What each command is answered, an error of the server's as a value."""
        if (router := router_of(self._client)) is not None:
            return router.answers(commands)
        with self._raw.pipeline(transaction=False) as pipe:
            for command in commands:
                pipe.execute_command(*command)  # type: ignore[no-untyped-call]  # the library leaves it untyped
            return pipe.execute(raise_on_error=False)

    @outages_named
    def server(self) -> str:
        """The kind and version of the server; "unknown" where it does not answer that."""
        answer = self._raw.execute_command("INFO", "server")  # type: ignore[no-untyped-call]  # as above
        found = dict(re.findall(r"(\w+):([^\r\n]*)", cast(bytes, answer).decode(errors="replace")))
        if "valkey_version" in found:
            return f"Valkey {found['valkey_version']}"
        return f"Redis {found.get('redis_version', 'unknown')}"

    def _key(self, name: str) -> bytes:
        return as_bytes(self._prefix + name)


def _head(name: str, kind: str, answers: Iterator[Any]) -> KeyHead:
    """The head of a key, of the next answers to what `heads` asks."""
    size, expires = next(answers), next(answers)
    memory = size if kind == "string" else next(answers)
    if expires == GONE:
        return KeyHead(name, kind, GONE)
    return KeyHead(name, kind, expires, _size(name, size), _size(name, memory) or 0)  # it may go meanwhile


def _step(head: KeyHead) -> int:
    """How much of a key is read at once: bytes of a string, else elements."""
    if head.kind == "string":
        return CHUNK_BYTES
    return min(ELEMENTS_A_PART, max(1, CHUNK_BYTES * head.size // max(1, head.memory)))


def _size(name: str, answer: object) -> int:
    if isinstance(answer, Exception):
        if str(answer).rpartition("error: ")[2].startswith("WRONGTYPE"):
            raise Conflict(f"the key {name!r} is of another type than Donebit writes")
        raise answer
    return cast(int, answer)
