"""Changes of whole tasks in Redis that somebody asks for: cancelled, paused, deleted, extended, closed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

from redis import Redis
from redis.commands.core import Script

from donebit.store.answers import (
    CancelResult,
    CloseResult,
    CloseStatus,
    DeleteStatus,
    ExtendResult,
    PauseResult,
)
from donebit.store.client import outages_named
from donebit.store.key_names import Keys
from donebit.store.task_index import TaskIndexStore
from donebit.store.task_shards import TaskShards


class TaskChangeStore:
    """Every method raises StoreUnavailable when the server cannot be reached or does not answer in time."""

    def __init__(
        self, client: Redis, scripts: Mapping[str, Script], keys: Keys, task_shards: TaskShards
    ) -> None:
        self._client = client
        self._index = TaskIndexStore(client, scripts, keys, task_shards)
        self._keys = keys
        self._scripts = scripts

    @outages_named
    def cancel_task(
        self, task_id: str, *, now_ms: int, token: str, reply_key: str | None = None
    ) -> CancelResult | None:
        """End a running task; None for an unknown one."""
        names = [self._keys.bitmap(task_id), self._keys.record(task_id)]
        names += self._keys.replies(task_id, reply_key)
        answer = self._scripts["cancel_task"](keys=names, args=[now_ms, token])
        if answer is None:
            return None
        if answer[0] == b"reused":
            return CancelResult(cancelled=False, state="", reused=True)
        return CancelResult(bool(answer[0]), answer[1].decode())

    @outages_named
    def pause_task(
        self, task_id: str, *, now_ms: int, token: str, reply_key: str | None = None
    ) -> PauseResult | None:
        """Keep workers from beginning steps of a running task; None for an unknown one."""
        names = [self._keys.bitmap(task_id), self._keys.record(task_id)]
        names += self._keys.replies(task_id, reply_key)
        answer = self._scripts["pause_task"](keys=names, args=[now_ms, token])
        if answer is None:
            return None
        if answer[0] == b"reused":
            return PauseResult(paused=False, state="", reused=True)
        return PauseResult(bool(answer[0]), answer[1].decode())

    @outages_named
    def is_paused(self, task_id: str, nonce: str) -> bool:
        """Whether the task of this nonce waits for its resume."""
        found = cast(
            list[bytes | None], self._client.hmget(self._keys.record(task_id), ["nonce", "paused_at"])
        )
        return found[0] == nonce.encode() and found[1] is not None

    @outages_named
    def delete_task(self, task_id: str, *, token: str, reply_key: str | None = None) -> DeleteStatus:
        """Drop a task and its place in the indexes."""
        replies = self._keys.replies(task_id, reply_key)
        names = [*self._keys.of_task(task_id), self._keys.deliveries(task_id)]
        names += [*self._keys.of_chord(task_id), *replies]
        # Asked before the indexes change: after a kept answer the id may be another task's.
        if replies and (status := self._kept_deletion(task_id, replies[0], token)):
            return status
        # First out of the indexes: afterwards it could be another task's place under the same id.
        self._index.unindex_task(task_id)
        return DeleteStatus(
            cast(bytes, self._scripts["delete_task"](keys=names, args=[token, len(replies)])).decode()
        )

    def _kept_deletion(self, task_id: str, reply: str, token: str) -> DeleteStatus | None:
        """What delete_task.lua makes of a kept answer; None where there is none to heed."""
        kept = json.loads(cast(bytes | None, self._client.get(reply)) or b"[]")
        if not kept:
            return None
        if (kept[0], kept[-1]) == ("deleted", token):
            return DeleteStatus.OK
        nonce = cast(bytes | None, self._client.hget(self._keys.record(task_id), "nonce"))
        return DeleteStatus.REUSED if nonce is None or nonce.decode() == kept[-2] else None

    @outages_named
    def extend_task(
        self,
        task_id: str,
        *,
        count: int | None,
        add: int | None,
        expected: int | None,
        max_steps: int,
        token: str,
        reply_key: str | None = None,
    ) -> ExtendResult | None:
        """Move the end marker of a running task; None for an unknown one.

        Args:
            count: the new total; None where steps are added
            add: how many steps are added; None with a count
            expected: the total that the task must have before; None for any
        """
        names = [self._keys.bitmap(task_id), self._keys.record(task_id)]
        names += self._keys.replies(task_id, reply_key)
        wanted = ["" if one is None else one for one in (count, add, max_steps, expected)]
        answer = self._scripts["extend_task"](keys=names, args=[*wanted, token])
        if answer is None:
            return None
        return ExtendResult.of(*answer)

    @outages_named
    def close_task(
        self, task_id: str, *, expected: int | None, now_ms: int, token: str, reply_key: str | None = None
    ) -> CloseResult | None:
        """Seal an open task, which ends if all its steps have; None for an unknown one.

        Args:
            expected: the total that the task must have; None for any
        """
        names = [self._keys.bitmap(task_id), self._keys.record(task_id)]
        names += [self._keys.failed(task_id), self._keys.failed_scratch(task_id)]
        names += self._keys.replies(task_id, reply_key)
        args: list[str | int] = [now_ms, token, "" if expected is None else expected]
        answer = self._scripts["close_task"](keys=names, args=args)
        if answer is None:
            return None
        status = CloseStatus(answer[0].decode())
        match status:
            case CloseStatus.OK:
                return CloseResult(status, completed=bool(answer[1]))
            case CloseStatus.FROM:
                return CloseResult(status, steps=int(answer[1]))
            case CloseStatus.STATE:
                return CloseResult(status, state=answer[1].decode())
            case _:
                return CloseResult(status)
