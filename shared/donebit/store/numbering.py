"""Gives numbers to ids that have none, many in a call of the script."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from redis import Redis
from redis.commands.core import Script
from redis.exceptions import NoScriptError

from donebit.errors import Conflict
from donebit.store.id_numbers import ALL_NEW, Field, Numbers, in_order, parts, unpack_numbers
from donebit.store.id_shards import BUCKET, Directory, IdPart, Kept, fields_of, in_parts
from donebit.store.key_names import Keys
from donebit.store.packing import Command
from donebit.store.pipelining import answers_in_turn, answers_to

Id = TypeVar("Id")

NEW_A_CALL = 500  # which takes the server 2 ms
NEW_A_PIPELINE = 48  # calls: others that number at the same time take what these counted on
SPARE_BUCKETS = 32  # for the numbers that others take meanwhile
SPARE_OF_A_SHARD = 8  # the same, where each of many shards has some
ATTEMPTS = 1000


class Asked(NamedTuple):
    """What one call of the script is about: ids, and each of them once, as it takes them."""

    part: IdPart
    fields: Sequence[Field]
    once: tuple[Field, ...]

    def in_order(self, numbers: Numbers) -> Numbers:
        """The numbers of the ids, of those that each of them has once."""
        # Two ids may be one as they are kept: a UUID in capitals and in lower case.
        return numbers if len(self.once) == len(self.fields) else in_order(self.once, numbers, self.fields)


class Numbering(Generic[Id]):
    """Gives the numbers of one kind of ids.

    Args:
        kept: ids as a directory keeps them
    """

    def __init__(
        self, client: Redis, scripts: Mapping[str, Script], keys: Keys, kept: Callable[[Sequence[Id]], Kept]
    ) -> None:
        self._client, self._keys, self._kept = client, keys, kept
        self._script = scripts["number_users"]

    def number(self, directory: Directory, ids: Sequence[Id]) -> Numbers:
        """The numbers of ids, new ones for those not seen before.

        Raises:
            Conflict: others take numbers faster than can be counted on.
        """
        once = list(dict.fromkeys(ids))  # a call that needs fewer numbers would leave the next ones refused
        size = max(NEW_A_PIPELINE * NEW_A_CALL, directory.ids_at_once(NEW_A_CALL))
        numbers = np.concatenate([self._number_part(directory, part) for part in parts(once, size)])
        return numbers if len(once) == len(ids) else in_order(once, numbers, ids)

    def free(self, directory: Directory, shards: Collection[int]) -> dict[int, int]:
        """How many numbers each of these shards has given."""
        keys = [self._keys.next_number(directory.names[shard]) for shard in shards]
        found = answers_to(self._client, [("GET", key) for key in keys])
        return {shard: int(count or 0) for shard, count in zip(shards, found, strict=True)}

    def _number_part(self, directory: Directory, ids: Sequence[Id]) -> Numbers:
        """Those of one pipeline; what is refused, for others took the numbers, is asked for again."""
        numbers = np.empty(len(ids), np.uint32)
        free = self.free(directory, directory.shards_with(ids, self._kept))
        remaining: Iterable[IdPart] = in_parts(directory, ids, NEW_A_CALL, self._kept)
        for _ in range(ATTEMPTS):
            try:
                remaining = refused = self._take_numbers(directory, remaining, free, numbers)
            except NoScriptError:  # those that have a number by now keep it
                self._client.script_load(self._script.script)
                remaining = in_parts(directory, ids, NEW_A_CALL, self._kept)
            else:
                if not refused:
                    return numbers
        raise Conflict("users are being numbered too fast; send the visits again")

    def _take_numbers(
        self, directory: Directory, remaining: Iterable[IdPart], free: dict[int, int], numbers: Numbers
    ) -> list[IdPart]:
        """Lay the numbers of the ids in `numbers`, and how many each shard has given then in `free`.

        Returns:
            those that were refused

        Raises:
            NoScriptError: the server does not know the script.
        """
        refused, asked = list[IdPart](), list[Asked]()
        answers = answers_in_turn(self._client, self._calls(directory, remaining, dict(free), asked))
        for call, (now_free, *given) in enumerate(answers):
            part = asked[call].part
            last = free[part.shard] = int(now_free)
            if not given:
                refused.append(part)
            elif given == [ALL_NEW]:
                new = range(last - len(asked[call].once), last)
                numbers[part.places] = asked[call].in_order(directory.numbers_at(part.shard, new))
            else:
                numbers[part.places] = asked[call].in_order(unpack_numbers(given))
        return refused

    def _calls(
        self, directory: Directory, remaining: Iterable[IdPart], free: dict[int, int], asked: list[Asked]
    ) -> Iterator[Command]:
        """Of the script, if the shards have given so many numbers; what each asks goes to `asked`.

        Made one by one, while the server works at those before.
        """
        sha, names = self._script.sha, directory.names
        spare = SPARE_BUCKETS if directory.shards == 1 else SPARE_OF_A_SHARD
        for part in remaining:
            shard, fields = part.shard, fields_of(part.ids)
            asked.append(Asked(part, fields, tuple(dict.fromkeys(fields))))
            first, last = free[shard] // BUCKET, (free[shard] + len(fields) - 1) // BUCKET + spare
            buckets = (directory.bucket_at(shard, bucket * BUCKET) for bucket in range(first, last + 1))
            keys = [self._keys.numbers(names[shard]), self._keys.next_number(names[shard])]
            keys += [self._keys.ids_of_numbers(names[shard], bucket) for bucket in buckets]
            args = (first, BUCKET, directory.shards, shard)
            yield ("EVALSHA", sha, len(keys), *keys, *args, *asked[-1].once)
            free[shard] += len(fields)
