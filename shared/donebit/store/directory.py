"""The directories in Redis: the dense number of each text, or of each sparse integer, and back again.

On a cluster each of them is in shards (`id_shards.py`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import groupby
from typing import ClassVar, Generic, TypeVar

import numpy as np
from redis import Redis
from redis.commands.core import Script

from donebit.store import text_ids
from donebit.store.client import outages_named
from donebit.store.directory_shards import DirectoryShards
from donebit.store.id_numbers import UNKNOWN, Numbers, Places, unpack_numbers
from donebit.store.id_shards import BUCKET, Directory, Kept, fields_of, in_parts
from donebit.store.key_names import Keys
from donebit.store.numbering import Numbering
from donebit.store.packing import Command
from donebit.store.packing_rows import with_rows
from donebit.store.pipelining import answers_in_turn, answers_to

Id = TypeVar("Id")

IDS_A_CALL = 1000


class DirectoryStore(ABC, Generic[Id]):
    """Numbers of ids, the same for all events, and never given again.

    Every method raises StoreUnavailable when the server cannot be reached or does not answer in time.
    """

    _name: ClassVar[str]  # of the directory in keys

    def __init__(
        self, client: Redis, scripts: Mapping[str, Script], keys: Keys, directory_shards: DirectoryShards
    ) -> None:
        self._client = client
        self._directory_shards = directory_shards
        self._keys = keys
        self._scripts = scripts
        self._numbering = Numbering(client, scripts, keys, self._kept)

    @staticmethod
    @abstractmethod
    def _kept(ids: Sequence[Id]) -> Kept:
        """Ids as they are kept."""

    @staticmethod
    @abstractmethod
    def _unpacked(kept: bytes) -> Id:
        """An id from how it is kept."""

    @outages_named
    def known(self, ids: Sequence[Id]) -> Numbers:
        """The numbers of the ids in their order, UNKNOWN for one never seen; gives none."""
        return self._known(ids)

    @outages_named
    def coming(self, ids: Collection[Id]) -> range:
        """From the first to the last number that ids never seen would get, if nobody else came before."""
        if not ids:
            return range(0)
        directory = self._directory()
        new = dict(enumerate(np.bincount(directory.shards_of(self._kept(list(ids)))).tolist()))
        free = self._numbering.free(directory, [shard for shard, count in new.items() if count])
        first = min(directory.number_at(shard, place) for shard, place in free.items())
        last = max(directory.number_at(shard, place + new[shard] - 1) for shard, place in free.items())
        return range(first, last + 1)

    @outages_named
    def number_users(self, ids: Sequence[Id], noting: Callable[[list[int]], None] | None = None) -> list[int]:
        """The dense number of each id, new ones for those not seen before.

        Args:
            noting: is called with the new numbers, if there are any

        Raises:
            Conflict: others take numbers faster than can be counted on.
        """
        numbers = self._known(ids) if noting else self._likely_known(ids)
        unknown = np.flatnonzero(numbers == UNKNOWN).tolist()
        if unknown:
            numbers[unknown] = self._numbering.number(self._directory(), [ids[place] for place in unknown])
            if noting:
                noting(np.unique(numbers[unknown]).tolist())
        answer: list[int] = numbers.tolist()
        return answer

    @outages_named
    def number_of(self, user: Id) -> int | None:
        """The number of an id; None for one never seen."""
        (number,) = self._known([user]).tolist()
        return None if number == UNKNOWN else number

    @outages_named
    def ids_of(self, numbers: Sequence[int]) -> list[Id | None]:
        """The id of each number; None where there is none, or no longer."""
        directory = self._directory()
        groups = [list(group) for _, group in groupby(sorted(set(numbers)), lambda number: number // BUCKET)]
        questions = (self._ids_at(directory, group) for group in groups)
        found: dict[int, bytes] = {}
        for group, fields in zip(groups, answers_in_turn(self._client, questions), strict=True):
            found.update(enumerate(fields, group[0]))
        fields = [found.get(number) for number in numbers]
        return [self._unpacked(field) if field else None for field in fields]

    @outages_named
    def erase_id(self, user: Id) -> bool:
        """Take an id out of the directory; whether it was in it.

        Its number, whose bits are then to be cleared, is in `erasing` until `erased` is called with it.
        """
        number = int(self._known([user])[0])
        if number == UNKNOWN:
            return False
        directory, (field,) = self._directory(), fields_of(self._kept([user]))
        shard = directory.names[int(directory.shards_of([field])[0])]
        names = [self._keys.numbers(shard), self._keys.erasures(shard), self._keys.erasing(shard)]
        if directory.name_at(number // BUCKET) == shard:
            names.append(self._keys.ids_of_numbers(shard, number // BUCKET))
        args = [field, number.to_bytes(4, "little"), number, number % BUCKET]
        return bool(self._scripts["erase_id"](keys=names, args=args))

    @outages_named
    def erasures(self, ids: Sequence[Id]) -> int:
        """How many ids were ever erased of those shards that these are in."""
        directory = self._directory()
        names = (directory.names[shard] for shard in directory.shards_with(ids, self._kept))
        counts = answers_to(self._client, [("GET", self._keys.erasures(name)) for name in names])
        return sum(int(count or 0) for count in counts)

    @outages_named
    def erasing(self) -> list[int]:
        """The numbers whose id is erased, and whose bits may not all be cleared."""
        keys = map(self._keys.erasing, self._directory().names)
        found = answers_to(self._client, [("SMEMBERS", key) for key in keys])
        return sorted(int(number) for numbers in found for number in numbers)

    @outages_named
    def erased(self, number: int) -> None:
        """All bits of a number are cleared."""
        directory = self._directory()
        # A number from before there were shards may be in another than its id was, and has it still.
        if directory.shards > 1:
            bucket, place = divmod(number, BUCKET)
            key = self._keys.ids_of_numbers(directory.name_at(bucket), bucket)
            if self._client.lindex(key, place):  # a full server refuses to write what is there already
                self._client.lset(key, place, "")
        keys = map(self._keys.erasing, directory.names)  # in which of them it is, only its id would say
        answers_to(self._client, [("SREM", key, number) for key in keys])

    def _directory(self) -> Directory:
        return Directory(self._name, self._directory_shards.count)

    def _ids_at(self, directory: Directory, numbers: Sequence[int]) -> Command:
        """The question for the ids from the first to the last of these numbers, of one bucket."""
        bucket = numbers[0] // BUCKET
        key = self._keys.ids_of_numbers(directory.name_at(bucket), bucket)
        return ("LRANGE", key, numbers[0] % BUCKET, numbers[-1] % BUCKET)

    def _known(self, ids: Sequence[Id]) -> Numbers:
        numbers, asked = np.empty(len(ids), np.uint32), list[Places]()
        for call, found in enumerate(answers_in_turn(self._client, self._questions(ids, asked))):
            numbers[asked[call]] = unpack_numbers(found)
        return numbers

    def _questions(self, ids: Sequence[Id], asked: list[Places]) -> Iterator[Command]:
        """The questions for the numbers of some ids; the places of those that each is about go to `asked`."""
        directory = self._directory()
        keys = list(map(self._keys.numbers, directory.names))
        for shard, places, kept in in_parts(directory, ids, IDS_A_CALL, self._kept):
            asked.append(places)
            if isinstance(kept, np.ndarray):
                yield with_rows("HMGET", keys[shard], kept)
            else:
                yield ("HMGET", keys[shard], *kept)

    def _likely_known(self, ids: Sequence[Id]) -> Numbers:
        """As `_known`; where of the first thousand nobody is known, all are taken for new.

        Numbering looks again, so a batch of new ids is not asked about twice.
        """
        numbers = np.full(len(ids), UNKNOWN, np.uint32)
        numbers[:IDS_A_CALL] = self._known(ids[:IDS_A_CALL])
        if (numbers != UNKNOWN).any():
            numbers[IDS_A_CALL:] = self._known(ids[IDS_A_CALL:])
        return numbers


class TextDirectory(DirectoryStore[str]):
    """The numbers of texts; a UUID is kept as its 16 bytes."""

    _name = Keys.TEXT_USERS

    @staticmethod
    def _kept(ids: Sequence[str]) -> Kept:
        return text_ids.kept(ids)

    @staticmethod
    def _unpacked(kept: bytes) -> str:
        return text_ids.unpacked(kept)


class IntegerDirectory(DirectoryStore[int]):
    """The numbers of integers that are too sparse for bitmaps as they are."""

    _name = Keys.MAPPED_USERS

    @staticmethod
    def _kept(ids: Sequence[int]) -> Kept:
        return [b"%d" % one for one in ids]

    @staticmethod
    def _unpacked(kept: bytes) -> int:
        return int(kept)
