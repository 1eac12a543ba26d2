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

KEYS_A_PAGE = 1000
CHUNK_BYTES = 1024 * 1024  # of a string that is read in parts
ELEMENTS_A_PART = 1000
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
        cursor = b"0"
        pattern = re.sub(r"([\\*?\[\]^])", r"\\\1", self._prefix) + "*"
        while True:
            cursor, names = self._page(cursor, pattern)
            yield [as_text(name)[len(self._prefix) :] for name in names]
            if cursor == b"0":
                return

    @outages_named
    def _page(self, cursor: bytes, pattern: str) -> tuple[bytes, list[bytes]]:
        found = answer_to(self._client, "SCAN", cursor.decode(), "MATCH", pattern, "COUNT", KEYS_A_PAGE)
        return cast(tuple[bytes, list[bytes]], found)

    @outages_named
    def heads(self, names: Iterable[str]) -> list[KeyHead]:
        """Those of the keys that are there and are in the catalogue.

        Raises:
            Conflict: one has another type than the catalogue says.
        """
        rows = [(name, row) for name in names if (row := self._rows.row_of(name)) is not None]
        with self._raw.pipeline(transaction=False) as pipe:
            for name, row in rows:
                key = self._key(name)
                pipe.execute_command(SIZE_COMMANDS[row.redis_type], key)  # type: ignore[no-untyped-call]  # the library leaves it untyped
                pipe.execute_command("PEXPIRETIME", key)  # type: ignore[no-untyped-call]  # as above
            answers = pipe.execute(raise_on_error=False)
        heads = zip(rows, answers[::2], answers[1::2], strict=True)
        return [
            KeyHead(name, row.redis_type, expires, _size(name, size))
            for (name, row), size, expires in heads
            if expires != GONE
        ]

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
        step = CHUNK_BYTES if head.kind == "string" else ELEMENTS_A_PART
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
            "stream": ("XRANGE", key, last, "+", "COUNT", ELEMENTS_A_PART),
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
        found = answer_to(self._client, command, key, cursor, "COUNT", ELEMENTS_A_PART)  # type: ignore[arg-type]  # bytes do
        return cast(tuple[bytes, list[bytes]], found)

    @outages_named
    def counts(self, heads: Sequence[KeyHead]) -> list[int]:
        """How many elements each has; of a string how many bits are set."""
        with self._raw.pipeline(transaction=False) as pipe:
            for head in heads:
                command = "BITCOUNT" if head.kind == "string" else SIZE_COMMANDS[head.kind]
                pipe.execute_command(command, self._key(head.name))  # type: ignore[no-untyped-call]  # as above
            return cast(list[int], pipe.execute())

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


def _size(name: str, answer: object) -> int:
    if isinstance(answer, Exception):
        if str(answer).rpartition("error: ")[2].startswith("WRONGTYPE"):
            raise Conflict(f"the key {name!r} is of another type than Donebit writes")
        raise answer
    return cast(int, answer)
