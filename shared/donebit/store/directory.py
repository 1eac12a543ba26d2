"""The directories in Redis: the dense number of each text, or of each sparse integer, and back again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Generic, NamedTuple, TypeVar, cast

import numpy as np
import numpy.typing as npt
from redis import Redis
from redis.commands.core import Script
from redis.exceptions import NoScriptError

from donebit.errors import Conflict
from donebit.store import text_ids
from donebit.store.client import outages_named
from donebit.store.id_numbers import UNKNOWN, Asked, Field, Numbers, Places, in_order, parts, unpack_numbers
from donebit.store.key_names import Keys
from donebit.store.packing import Command
from donebit.store.packing_rows import with_rows
from donebit.store.pipelining import answers_in_turn
from donebit.store.server_client import router_of

Id = TypeVar("Id")

IDS_A_CALL = 1000
NEW_A_CALL = 500  # which takes the server 2 ms
NEW_A_PIPELINE = 48  # calls: others that number at the same time take what these counted on
# A list this short is kept as one string: 19 bytes a UUID, where a hash of all would take 60. Where an id
# was that is erased, it holds an empty text.
BUCKET = 64
SPARE_BUCKETS = 32  # for the numbers that others take meanwhile
ATTEMPTS = 1000


class KnownIds(NamedTuple):
    """What a directory knows of some ids."""

    numbers: Numbers  # in the order of the ids; UNKNOWN for one never seen
    next_free: int


class DirectoryStore(Generic[Id]):
    """Numbers of ids, the same for all events, and never given again.

    Every method raises StoreUnavailable when the server cannot be reached or does not answer in time.

    Args:
        name: of the directory in keys
        packed: ids as they are kept
        unpacked: an id from how it is kept
        rows: as `packed`, a row of bytes each where all have as many; None where they have not
    """

    def __init__(
        self,
        client: Redis,
        scripts: Mapping[str, Script],
        keys: Keys,
        name: str,
        packed: Callable[[Sequence[Id]], Sequence[Field]],
        unpacked: Callable[[bytes], Id],
        rows: Callable[[Sequence[Id]], npt.NDArray[np.uint8] | None],
    ) -> None:
        self._client = client
        self._keys = keys
        self._scripts = scripts
        self._name = name
        self._packed, self._unpacked, self._rows = packed, unpacked, rows

    @outages_named
    def known(self, ids: Sequence[Id]) -> KnownIds:
        """The numbers of those ids that have one; gives none."""
        return KnownIds(self._known(ids), self._next_free())

    @outages_named
    def number_users(self, ids: Sequence[Id]) -> list[int]:
        """The dense number of each id, new ones for those not seen before.

        Raises:
            Conflict: others take numbers faster than can be counted on.
        """
        numbers = self._likely_known(ids)
        unknown = np.flatnonzero(numbers == UNKNOWN).tolist()
        if unknown:
            numbers[unknown] = self._number([ids[place] for place in unknown])
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
        groups = [list(group) for _, group in groupby(sorted(set(numbers)), lambda number: number // BUCKET)]
        found: dict[int, bytes] = {}
        for group, fields in zip(
            groups, answers_in_turn(self._client, map(self._ids_at, groups)), strict=True
        ):
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
        (field,) = self._packed([user])
        names = [self._keys.numbers(self._name), self._keys.ids_of_numbers(self._name, number // BUCKET)]
        names += [self._keys.erasures(self._name), self._keys.erasing(self._name)]
        args = [field, number.to_bytes(4, "little"), number % BUCKET, number]
        return bool(self._scripts["erase_id"](keys=names, args=args))

    @outages_named
    def erasures(self) -> int:
        """How many ids were ever erased."""
        return int(cast(bytes | None, self._client.get(self._keys.erasures(self._name))) or 0)

    @outages_named
    def erasing(self) -> list[int]:
        """The numbers whose id is erased, and whose bits may not all be cleared."""
        return sorted(map(int, cast(set[bytes], self._client.smembers(self._keys.erasing(self._name)))))

    @outages_named
    def erased(self, number: int) -> None:
        """All bits of a number are cleared."""
        self._client.srem(self._keys.erasing(self._name), number)

    def _ids_at(self, numbers: Sequence[int]) -> Command:
        """The question for the ids from the first to the last of these numbers, of one bucket."""
        first, last = numbers[0], numbers[-1]
        return (
            "LRANGE",
            self._keys.ids_of_numbers(self._name, first // BUCKET),
            first % BUCKET,
            last % BUCKET,
        )

    def _known(self, ids: Sequence[Id]) -> Numbers:
        name = self._keys.numbers(self._name)
        calls = (self._asking(name, part) for part in parts(ids, IDS_A_CALL))
        numbers = np.empty(len(ids), np.uint32)
        for call, found in enumerate(answers_in_turn(self._client, calls)):
            numbers[call * IDS_A_CALL : call * IDS_A_CALL + len(found)] = unpack_numbers(found)
        return numbers

    def _asking(self, name: str, ids: Sequence[Id]) -> Command:
        """The question for the numbers of some ids."""
        rows = self._rows(ids) if router_of(self._client) is None else None
        return ("HMGET", name, *self._packed(ids)) if rows is None else with_rows(("HMGET", name), rows)

    def _likely_known(self, ids: Sequence[Id]) -> Numbers:
        """As `_known`; where of the first thousand nobody is known, all are taken for new.

        Numbering looks again, so a batch of new ids is not asked about twice.
        """
        numbers = np.full(len(ids), UNKNOWN, np.uint32)
        numbers[:IDS_A_CALL] = self._known(ids[:IDS_A_CALL])
        if (numbers != UNKNOWN).any():
            numbers[IDS_A_CALL:] = self._known(ids[IDS_A_CALL:])
        return numbers

    def _number(self, ids: Sequence[Id]) -> Numbers:
        """Numbers for ids that had none."""
        once = list(dict.fromkeys(ids))  # a call that needs fewer numbers would leave the next ones refused
        numbers = np.concatenate(
            [self._number_part(part) for part in parts(once, NEW_A_PIPELINE * NEW_A_CALL)]
        )
        return numbers if len(once) == len(ids) else in_order(once, numbers, ids)

    def _number_part(self, ids: Sequence[Id]) -> Numbers:
        """Those of one pipeline; what is refused, for others took the numbers, is asked for again."""
        numbers, places = np.empty(len(ids), np.uint32), np.arange(len(ids))
        free = self._next_free()
        for _ in range(ATTEMPTS):
            try:
                free, places = self._take_numbers(ids, places, free, numbers)
            except NoScriptError:
                self._client.script_load(self._scripts["number_users"].script)
            if not len(places):
                return numbers
        raise Conflict("users are being numbered too fast; send the visits again")

    def _next_free(self) -> int:
        return int(cast(bytes | None, self._client.get(self._keys.next_number(self._name))) or 0)

    def _take_numbers(
        self, ids: Sequence[Id], places: Places, free: int, numbers: Numbers
    ) -> tuple[int, Places]:
        """Lay the numbers of the ids at these places in `numbers`.

        Returns:
            the next free number afterwards, and the places of the ids that were refused one

        Raises:
            NoScriptError: the server does not know the script; an id that has a number keeps it.
        """
        refused: list[Places] = [places[:0]]
        asked: list[Asked] = []
        remaining = ids if len(places) == len(ids) else [ids[place] for place in places]
        answers = answers_in_turn(self._client, self._calls(remaining, free, asked))
        for call, (part, (now_free, *given)) in enumerate(
            zip(parts(places, NEW_A_CALL), answers, strict=True)
        ):
            free = int(now_free)
            if given:
                numbers[part] = asked[call].numbers(free, given)
            else:
                refused.append(part)
        return free, np.concatenate(refused)

    def _calls(self, ids: Sequence[Id], free: int, asked: list[Asked]) -> Iterator[Command]:
        """Of the script, if the next free number is this before the first; what each asks goes to `asked`.

        Made one by one, while the server works at those before.
        """
        for part in parts(ids, NEW_A_CALL):
            fields = self._packed(part)
            asked.append(Asked(fields, tuple(dict.fromkeys(fields))))
            first, last = free // BUCKET, (free + len(part) - 1) // BUCKET + SPARE_BUCKETS
            buckets = [self._keys.ids_of_numbers(self._name, bucket) for bucket in range(first, last + 1)]
            names = [self._keys.numbers(self._name), self._keys.next_number(self._name), *buckets]
            sha = self._scripts["number_users"].sha
            yield ("EVALSHA", sha, len(names), *names, first, BUCKET, *asked[-1].once)
            free += len(part)


class TextDirectory(DirectoryStore[str]):
    """The numbers of texts; a UUID is kept as its 16 bytes."""

    def __init__(self, client: Redis, scripts: Mapping[str, Script], keys: Keys) -> None:
        of_texts = text_ids.packed, text_ids.unpacked, text_ids.rows_of
        super().__init__(client, scripts, keys, keys.TEXT_USERS, *of_texts)

    def texts_of(self, numbers: Sequence[int]) -> list[str | None]:
        """The text of each number; None where there is none, or no longer."""
        return self.ids_of(numbers)


class IntegerDirectory(DirectoryStore[int]):
    """The numbers of integers that are too sparse for bitmaps as they are."""

    def __init__(self, client: Redis, scripts: Mapping[str, Script], keys: Keys) -> None:
        super().__init__(
            client,
            scripts,
            keys,
            keys.MAPPED_USERS,
            lambda ids: [b"%d" % one for one in ids],
            int,
            lambda _: None,
        )
