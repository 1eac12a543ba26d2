"""The directory in Redis: the dense number of each text id, and back again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from redis import Redis
from redis.commands.core import Script

from shared.store import keys
from shared.store.client import outages_named

TEXTS_A_CALL = 1000


class DirectoryStore:
    """Numbers of texts, the same for all events, and never given again.

    Every method raises StoreUnavailable when the server cannot be reached or does not answer in time.
    """

    def __init__(self, client: Redis, scripts: Mapping[str, Script]) -> None:
        self._client = client
        self._scripts = scripts

    @outages_named
    def number_users(self, texts: Sequence[str]) -> list[int]:
        """The dense number of each text, new ones for those not seen before."""
        names = [keys.NUMBERS, keys.TEXTS, keys.NEXT_NUMBER]
        with self._client.pipeline(transaction=False) as pipe:
            for start in range(0, len(texts), TEXTS_A_CALL):
                part = texts[start : start + TEXTS_A_CALL]
                self._scripts["number_users"](keys=names, args=part, client=pipe)
            return [number for part in pipe.execute() for number in part]

    @outages_named
    def number_of(self, text: str) -> int | None:
        """The number of a text; None for one never seen."""
        found = cast(bytes | None, self._client.hget(keys.NUMBERS, text))
        return None if found is None else int(found)

    @outages_named
    def numbers_of(self, texts: Sequence[str]) -> list[int | None]:
        """The numbers of many; None for those never seen, which get none by this."""
        found: list[bytes | None] = []
        for start in range(0, len(texts), TEXTS_A_CALL):
            part = texts[start : start + TEXTS_A_CALL]
            found += cast(list[bytes | None], self._client.hmget(keys.NUMBERS, list(part)))
        return [None if number is None else int(number) for number in found]

    @outages_named
    def texts_of(self, numbers: Sequence[int]) -> list[str | None]:
        """The texts of many numbers; None for one that was erased, or never given."""
        found: list[bytes | None] = []
        for start in range(0, len(numbers), TEXTS_A_CALL):
            part = [str(number) for number in numbers[start : start + TEXTS_A_CALL]]
            found += cast(list[bytes | None], self._client.hmget(keys.TEXTS, part))
        return [None if text is None else text.decode() for text in found]
