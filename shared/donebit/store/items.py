"""The inputs of a task's steps, in Redis: compressed chunks in a stream, found by their first step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from redis import Redis
from redis.commands.core import Script

from donebit.store.answers import ExtendResult
from donebit.store.client import outages_named
from donebit.store.key_names import Keys


class ItemChunk(NamedTuple):
    """The items of consecutive steps, compressed."""

    steps: int
    data: bytes


class ItemStore:
    """Every method raises StoreUnavailable when the server cannot be reached or does not answer in time."""

    def __init__(self, client: Redis, scripts: Mapping[str, Script], keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._scripts = scripts

    @outages_named
    def append_items(
        self,
        task_id: str,
        chunks: Sequence[ItemChunk],
        *,
        size: int,
        expected: int | None,
        max_steps: int,
        max_bytes: int,
        only_open: bool,
        token: str,
        reply_key: str | None = None,
    ) -> ExtendResult | None:
        """Give a running task more steps, each with an item; None for an unknown one.

        Args:
            size: of these items, bytes of JSON
            expected: the total that the task must have before; None for any
            max_steps: that the task may have then
            max_bytes: that all items of the task may have
            only_open: refuse a task that is not open
        """
        names = [self._keys.bitmap(task_id), self._keys.record(task_id), self._keys.items(task_id)]
        names += self._keys.replies(task_id, reply_key)
        args: list[str | int | bytes] = [token, "" if expected is None else expected, max_steps, max_bytes]
        args += [int(only_open), size]
        for chunk in chunks:
            args += [chunk.steps, chunk.data]
        answer = cast(list[Any] | None, self._scripts["append_items"](keys=names, args=args))
        return None if answer is None else ExtendResult.of(*answer)

    @outages_named
    def chunk(self, task_id: str, step: int) -> tuple[str, int, bytes] | None:
        """The chunk that a step's item is in: the nonce of the task, the first step of the chunk, its data.

        None when the task has no items, or is gone.
        """
        with self._client.pipeline(transaction=True) as pipe:
            pipe.hget(self._keys.record(task_id), "nonce")
            pipe.xrevrange(self._keys.items(task_id), f"{step + 1}-0", "-", count=1)
            nonce, found = pipe.execute()
        if nonce is None or not found:
            return None
        ((place, fields),) = found
        return nonce.decode(), int(place.partition(b"-")[0]) - 1, fields[b"z"]
