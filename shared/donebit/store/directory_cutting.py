"""Cuts a directory in shards: each id keeps its number, and is looked up in its shard from then on.

Nobody else may use the store meanwhile. Whatever is done twice leaves what was done once, so that after a
crash the same again goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from redis import Redis

from donebit.store.client import outages_named
from donebit.store.id_shards import BUCKET, Directory, by_shard
from donebit.store.key_names import Keys
from donebit.store.packing import Command
from donebit.store.pipelining import answers_to

BUCKETS_A_CALL: Final = 200
# In place of the next number, once a directory is cut: a service that still runs cannot give one any more.
CUT: Final = b"cut"


class DirectoryCuttingStore:
    """Every method raises StoreUnavailable when the server cannot be reached or does not answer in time."""

    def __init__(self, client: Redis, keys: Keys) -> None:
        self._client, self._keys = client, keys

    @outages_named
    def count(self, names: Iterable[str]) -> int:
        """How many ids there are in these shards, or directories."""
        return sum(self._answers(("HLEN", self._keys.numbers(name)) for name in names))

    @outages_named
    def given(self, directory: Directory) -> int | None:
        """How many numbers were given before the directory is cut; None where that is done."""
        (count,) = self._answers([("GET", self._keys.next_number(directory.name))])
        return None if count == CUT else int(count or 0)

    @outages_named
    def begin(self, directory: Directory, given: int) -> None:
        """Have each shard give its first numbers after all those that were given."""
        buckets = -(-given // BUCKET)
        self._answers(
            ("SET", self._keys.next_number(name), -((shard - buckets) // directory.shards) * BUCKET)
            for shard, name in enumerate(directory.names)
        )

    @outages_named
    def move(self, directory: Directory, buckets: range) -> None:
        """Move the ids of these buckets, and their numbers."""
        whole = self._keys.ids_of_numbers
        held = self._answers(("LRANGE", whole(directory.name, bucket), 0, -1) for bucket in buckets)
        ids = {bucket: some for bucket, some in zip(buckets, held, strict=True) if some}
        numbers = {
            one: (bucket * BUCKET + place).to_bytes(4, "little")
            for bucket, some in ids.items()
            for place, one in enumerate(some)
            if one  # an erased one has left its place empty
        }
        lists = {whole(directory.name_at(bucket), bucket): some for bucket, some in ids.items()}
        self._answers(
            [
                *(("UNLINK", name) for name in lists),
                *(("RPUSH", name, *some) for name, some in lists.items()),
                *self._numbering(directory, numbers),
            ]
        )
        gone = [("HDEL", self._keys.numbers(directory.name), *numbers)] if numbers else []
        self._answers([*gone, *(("UNLINK", whole(directory.name, bucket)) for bucket in ids)])

    def _numbering(self, directory: Directory, numbers: Mapping[bytes, bytes]) -> Iterable[Command]:
        """What gives ids their numbers, each in its shard."""
        ids = list(numbers)
        for shard, places in by_shard(directory.shards_of(ids)):
            fields = [part for place in places.tolist() for part in (ids[place], numbers[ids[place]])]
            yield ("HSET", self._keys.numbers(directory.names[shard]), *fields)

    @outages_named
    def end(self, directory: Directory) -> None:
        """Move what else there is, and say that the directory is cut."""
        old, new = directory.name, directory.names[0]
        erasures, erasing = self._answers(
            [("GET", self._keys.erasures(old)), ("SMEMBERS", self._keys.erasing(old))]
        )
        if erasures:
            self._answers([("SET", self._keys.erasures(new), erasures)])
        if erasing:
            self._answers([("SADD", self._keys.erasing(new), *erasing)])
        with self._client.pipeline(transaction=True) as pipe:
            pipe.set(self._keys.next_number(old), CUT)
            pipe.unlink(self._keys.erasures(old), self._keys.erasing(old))
            pipe.execute()

    def _answers(self, commands: Iterable[Command]) -> list[Any]:
        return answers_to(self._client, list(commands))
