"""What each token began of what has a limit: tasks, events and flags by name, text ids by their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import cast

from redis import Redis
from redis.commands.core import Script

from donebit.store.client import outages_named
from donebit.store.id_numbers import parts
from donebit.store.key_names import BEGUN, Keys
from donebit.store.packing import Command
from donebit.store.pipelining import answers_to
from donebit.store.quotas import Amounts
from donebit.store.task_shards import TaskShards

TEXT_IDS = "text_ids"
NAMES_A_CALL = 1000


class BegunStore:
    """The notes of what tokens began; some of it may be gone by now.

    Every method raises StoreUnavailable when the server cannot be reached.
    """

    def __init__(
        self, client: Redis, scripts: Mapping[str, Script], keys: Keys, task_shards: TaskShards
    ) -> None:
        self._client, self._scripts = client, scripts
        self._keys, self._task_shards = keys, task_shards

    @outages_named
    def amounts(self, token: str) -> Amounts:
        """How much a token began, what is gone of it included."""
        return Amounts(*map(int, answers_to(self._client, [self._counting(token, what) for what in BEGUN])))

    @outages_named
    def count(self, token: str, what: str) -> int:
        """How much a token began of one of BEGUN, what is gone of it included."""
        return int(answers_to(self._client, [self._counting(token, what)])[0])

    @outages_named
    def counts(self, what: str) -> dict[str, int]:
        """How much each token began of one of BEGUN, what is gone of it included."""
        tokens = self._tokens()
        counts = answers_to(self._client, [self._counting(token, what) for token in tokens])
        return dict(zip(tokens, map(int, counts), strict=True))

    @outages_named
    def note(self, token: str, what: str, name: str) -> None:
        """Note that a token has begun a task, an event or a flag."""
        self._client.sadd(self._keys.begun_by(token, what), name)

    @outages_named
    def note_texts(self, token: str, numbers: Sequence[int]) -> None:
        """Note that a token has brought text ids, which have these numbers."""
        key = self._keys.begun_by(token, TEXT_IDS)
        script = self._scripts["note_texts"]
        calls: list[Command] = [
            ("EVALSHA", script.sha, 1, key, *part) for part in parts(numbers, NAMES_A_CALL)
        ]
        answers_to(self._client, calls, script)

    @outages_named
    def forget_text(self, number: int) -> None:
        """Forget who brought the text id that had this number."""
        keys = [self._keys.begun_by(token, TEXT_IDS) for token in self._tokens()]
        noted = answers_to(self._client, [("GETBIT", key, number) for key in keys])
        having = [key for key, bit in zip(keys, noted, strict=True) if bit]
        for key in having:  # not by SETBIT, which a full server refuses
            self._scripts["clear_user"](keys=[key], args=[number, 1])

    @outages_named
    def forget_gone(self, token: str, what: str) -> int:
        """Forget those tasks, events or flags of a token that are gone or have ended; how many are left."""
        key = self._keys.begun_by(token, what)
        names = [name.decode() for name in cast(set[bytes], self._client.smembers(key))]
        gone = [name for part in parts(names, NAMES_A_CALL) for name in self._gone(what, part)]
        for part in parts(gone, NAMES_A_CALL):
            self._client.srem(key, *part)
        return len(names) - len(gone)

    def _tokens(self) -> list[str]:
        return [name.decode() for name in cast(list[bytes], self._client.hkeys(self._keys.TOKENS))]

    def _counting(self, token: str, what: str) -> Command:
        return ("BITCOUNT" if what == TEXT_IDS else "SCARD", self._keys.begun_by(token, what))

    def _gone(self, what: str, names: Sequence[str]) -> list[str]:
        """Those of the names that are of nothing that there is."""
        if what == "open_tasks":
            return self._not_open(names)
        listed = self._keys.EVENTS if what == "events" else self._keys.FLAGS
        kinds = cast(list[bytes | None], self._client.hmget(listed, list(names)))
        return [name for name, kind in zip(names, kinds, strict=True) if kind is None]

    def _not_open(self, task_ids: Iterable[str]) -> list[str]:
        """Those of the tasks that are not open; each index is asked once."""
        by_index: dict[str, list[str]] = {}
        for task_id in task_ids:
            by_index.setdefault(self._task_shards.key(self._keys.OPEN_TASKS, task_id), []).append(task_id)
        with self._client.pipeline(transaction=False) as pipe:
            for index, names in by_index.items():
                pipe.zmscore(index, names)
            looks = chain.from_iterable(cast(list[list[float | None]], pipe.execute()))
        asked = chain.from_iterable(by_index.values())
        return [task_id for task_id, look in zip(asked, looks, strict=True) if look is None]
