"""What a migration does to keys as such: finds, renames and counts them, whatever they hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum, auto
from itertools import islice
from typing import Any, cast

from redis import Redis, exceptions
from redis.exceptions import ResponseError

from donebit.errors import ConfigurationError
from donebit.store.client import outages_named
from donebit.store.key_names_of_tasks import shard_of_tasks
from donebit.store.server_client import primaries_of

KEYS_A_PAGE = 1000
PAGES_LOOKED_AT = 20  # in a service's start, of a server that may hold much else
SIZES = {b"hash": "HLEN", b"zset": "ZCARD", b"list": "LLEN", b"set": "SCARD", b"stream": "XLEN"}


@contextmanager
def missing_rights_named() -> Iterator[None]:
    """Turn a refusal for want of rights into ConfigurationError: the operator has to give them."""
    try:
        yield
    except exceptions.NoPermissionError as error:
        raise ConfigurationError(
            f"the user of REDIS_URL lacks a right that a migration needs (docs/operations.md): {error}"
        ) from None


class Renamed(Enum):
    """What became of one key."""

    MOVED = auto()
    GONE = auto()  # it has expired since it was found
    OCCUPIED = auto()  # there is a key under the new name, and both are as they were


class KeyMover:
    """Keys of any layout, under any name.

    Every method raises StoreUnavailable when the server cannot be reached or does not answer in time.
    """

    def __init__(self, client: Redis) -> None:
        self._client = client

    def pages(self) -> Iterator[list[str]]:
        """The names of all keys, a page at a time; one that is renamed meanwhile may come again."""
        for primary in self._primaries():
            yield from self._pages_of(primary)

    def _pages_of(self, primary: Redis, match: str | None = None) -> Iterator[list[str]]:
        cursor = 0
        while True:
            cursor, names = self._page(primary, cursor, match)
            yield names
            if cursor == 0:
                return

    @outages_named
    def _primaries(self) -> list[Redis]:
        return primaries_of(self._client)

    @outages_named
    def _page(self, primary: Redis, cursor: int, match: str | None) -> tuple[int, list[str]]:
        cursor, names = cast(tuple[int, list[bytes]], primary.scan(cursor, match=match, count=KEYS_A_PAGE))
        return int(cursor), [name.decode(errors="surrogateescape") for name in names]

    def may_have(self, match: str) -> bool:
        """Whether a key matches, as far as a start of a service may take to look."""
        return any(
            names
            for primary in self._primaries()
            for names in islice(self._pages_of(primary, match), PAGES_LOOKED_AT)
        )

    @outages_named
    def rename(self, pairs: Sequence[tuple[str, str]]) -> list[Renamed]:
        """Rename each key, with its time to live, unless there is one under the new name.

        RENAMENX copies nothing and is atomic: killed at any point, each key is under one of its two names.
        """
        with self._client.pipeline(transaction=False) as pipe:
            for old, new in pairs:
                pipe.renamenx(_bytes(old), _bytes(new))
            return [_outcome(answer) for answer in pipe.execute(raise_on_error=False)]

    @outages_named
    def types(self, names: Sequence[str]) -> list[str]:
        """The type of each key as TYPE answers, "none" for one that is not there."""
        with self._client.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.type(_bytes(name))
            return [kind.decode() for kind in cast(list[bytes], pipe.execute())]

    @outages_named
    def size(self, name: str) -> int:
        """How many elements a key has; 0 for one that is not there, or is a string."""
        kind = cast(bytes, self._client.type(name))
        if kind not in SIZES:
            return 0
        return int(cast(Any, self._client.execute_command(SIZES[kind], name)) or 0)  # type: ignore[no-untyped-call]  # the library leaves it untyped

    @outages_named
    def names_in(self, hash_name: str) -> set[str]:
        """The fields of a hash; none of a key that is not there, or is no hash."""
        if self._client.type(hash_name) != b"hash":
            return set()
        return {field.decode() for field in cast(list[bytes], self._client.hkeys(hash_name))}

    @outages_named
    def texts(self, names: Sequence[str]) -> list[str | None]:
        """What each string key holds, None for one that is not there or is no string."""
        found = cast(list[bytes | None], self._client.mget(names))
        return [None if text is None else text.decode(errors="replace") for text in found]

    @outages_named
    def now_ms(self) -> int:
        """The server's clock."""
        seconds, microseconds = self._client.time()
        return seconds * 1000 + microseconds // 1000

    @outages_named
    def replace_text(self, old: str, new: str, text: str) -> None:
        """Write a text under a new name, which may be the old one, and drop that otherwise, atomically."""
        with self._client.pipeline(transaction=True) as pipe:
            pipe.set(new, text)
            if old != new:
                pipe.unlink(old)
            pipe.execute()

    def spread(self, index: str, shards: int) -> int:
        """Move the entries of an index of all tasks to its shards, with their time to live; how many.

        Each is in its shard before it leaves the index: killed at any point, the same again goes on.
        """
        moved = 0
        while page := self._entries(index):
            self._spread_page(index, shards, page)
            moved += len(page)
        return moved

    @outages_named
    def _entries(self, index: str) -> list[tuple[bytes, float]]:
        return cast(
            list[tuple[bytes, float]], self._client.zrange(index, 0, KEYS_A_PAGE - 1, withscores=True)
        )

    @outages_named
    def _spread_page(self, index: str, shards: int, page: Sequence[tuple[bytes, float]]) -> None:
        left_ms = self._client.pttl(index)
        of_shards: dict[str, dict[Any, float]] = {}
        for member, score in page:
            task_id = member.partition(b":")[0]  # what an entry of a delivery begins with
            name = shard_of_tasks(index, task_id, shards)
            of_shards.setdefault(name, {})[member] = score
        with self._client.pipeline(transaction=False) as pipe:
            for name, entries in of_shards.items():
                pipe.zadd(name, entries)
                if left_ms > 0:
                    pipe.pexpire(name, left_ms)
            pipe.execute()
        self._client.zrem(index, *(member for member, _ in page))

    def hash_pages(self, name: str) -> Iterator[list[tuple[bytes, bytes]]]:
        """The fields of a hash and what they hold, a page at a time; a field may come twice."""
        cursor = 0
        while True:
            cursor, page = self._hash_page(name, cursor)
            yield page
            if cursor == 0:
                return

    @outages_named
    def _hash_page(self, name: str, cursor: int) -> tuple[int, list[tuple[bytes, bytes]]]:
        found = cast(
            tuple[int, dict[bytes, bytes]], self._client.hscan(name, cursor=cursor, count=KEYS_A_PAGE)
        )
        return int(found[0]), list(found[1].items())

    @outages_named
    def hash_values(self, name: str, fields: Sequence[bytes]) -> list[bytes | None]:
        """What fields of a hash hold, None for one that is not there."""
        return cast(list[bytes | None], self._client.hmget(name, list(fields)))

    @outages_named
    def replace_id(
        self, numbers: str, bucket: str, place: int, old: tuple[bytes, bytes], new: bytes | None
    ) -> None:
        """Give a number of a directory another id, or none, both ways, atomically.

        Args:
            numbers: the hash of id -> number
            bucket: the list that has the id at `place`
            old: the id that goes, and its number
            new: None where the number is to have no id any more
        """
        with self._client.pipeline(transaction=True) as pipe:
            if new is not None:
                pipe.hset(numbers, new, old[1])
            pipe.hdel(numbers, old[0])
            pipe.lset(bucket, place, new or b"")  # type: ignore[arg-type]  # bytes do
            pipe.execute()


def _outcome(answer: object) -> Renamed:
    if isinstance(answer, ResponseError) and "no such key" in str(answer):
        return Renamed.GONE
    if isinstance(answer, Exception):
        raise answer
    return Renamed.MOVED if answer else Renamed.OCCUPIED


def _bytes(name: str) -> bytes:
    return name.encode(errors="surrogateescape")
