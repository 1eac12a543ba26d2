"""Deliveries of the ends of tasks, in Redis: what is to be sent to whom, and when next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from itertools import chain, islice
from typing import NamedTuple, cast

from redis import Redis
from redis.commands.core import Script

from donebit.store.client import outages_named
from donebit.store.key_names import Keys
from donebit.store.key_names_of_tasks import KINDS
from donebit.store.milliseconds import milliseconds
from donebit.store.sharded_sets import lowest
from donebit.store.task_shards import TaskShards

WRITTEN_WITHIN = timedelta(minutes=1)  # a wish to have a delivery made again, unless its writer dies


class Name(NamedTuple):
    """Which end of which task, and by what kind of delivery."""

    task_id: str
    run: int
    end: str
    kind: str

    @property
    def field(self) -> str:
        return f"{self.run}:{self.end}:{self.kind}"

    @property
    def member(self) -> str:
        return f"{self.task_id}:{self.field}"

    @classmethod
    def read(cls, member: str) -> Name:
        task_id, run, end, kind = member.split(":")
        return cls(task_id, int(run), end, kind)


class StoredDelivery(NamedTuple):
    """A delivery as it is kept: its name, itself as JSON, and when it is tried next (ms), if it is."""

    name: Name
    text: str
    next_attempt_ms: int | None


class DeliveryStore:
    """Every method raises StoreUnavailable when the server cannot be reached or does not answer in time."""

    def __init__(
        self, client: Redis, scripts: Mapping[str, Script], keys: Keys, task_shards: TaskShards
    ) -> None:
        self._client = client
        self._keys = keys
        self._task_shards = task_shards
        self._scripts = scripts

    def _pending(self, name: Name) -> str:
        return self._task_shards.key(self._keys.pending(name.kind), name.task_id)

    @outages_named
    def enqueue_delivery(self, name: Name, nonce: str, text: str, *, now_ms: int, ttl: timedelta) -> None:
        """Keep a delivery, due now; nothing for a task that is gone. Enqueuing it again is harmless."""
        names = [self._keys.record(name.task_id), self._keys.deliveries(name.task_id)]
        args: list[str | int] = [nonce, milliseconds(ttl), name.field, text]
        # The text before the index: what is in the index without a text has gone with its task.
        if kept := self._scripts["enqueue_delivery"](keys=names, args=args):
            # A new one is due whatever an earlier task has left there; one that is being tried, or is to be
            # tried later, keeps its time.
            self._index(name, now_ms, ttl, if_absent=kept == b"kept")

    @outages_named
    def due(self, kind: str, now_ms: int, limit: int) -> list[Name]:
        """Those of a kind whose next attempt is due, the longest due first."""
        names = self._task_shards.keys(self._keys.pending(kind))
        return [Name.read(member.decode()) for member, _ in lowest(self._client, names, now_ms, limit)]

    @outages_named
    def take_delivery(self, name: Name, *, now_ms: int, lease_ends_ms: int) -> bool:
        """Whether the caller is the one to try it until the lease ends."""
        args: list[str | int] = [name.member, now_ms, lease_ends_ms]
        return bool(self._scripts["take_delivery"](keys=[self._pending(name)], args=args))

    @outages_named
    def text(self, name: Name) -> str | None:
        """The delivery; None when it has gone with its task."""
        found = cast(bytes | None, self._client.hget(self._keys.deliveries(name.task_id), name.field))
        return None if found is None else found.decode()

    @outages_named
    def note_delivery(self, name: Name, nonce: str, text: str, *, ttl: timedelta) -> bool:
        """Write down how it now stands, to be kept for at least the TTL.

        Returns:
            False when it has gone with its task, is delivered, or was asked for again meanwhile.
        """
        args: list[str | int] = [name.field, text, nonce, milliseconds(ttl)]
        return bool(self._scripts["note_delivery"](keys=[self._keys.deliveries(name.task_id)], args=args))

    @outages_named
    def redeliver(self, name: Name, read: str, text: str, *, now_ms: int, ttl: timedelta) -> bool:
        """Write down that it is to be delivered again, and make it due now.

        It is in the index before that is written, a moment ahead: a delivery that is pending and in no index
        would never be made, and one in the index that is not pending is soon taken out of it.

        Args:
            name: the delivery's
            read: it, as it stood when it was read
            text: it, as it is to stand
            now_ms: now
            ttl: how long the task's keys are to live at least

        Returns:
            Whether it still stood as it was read.
        """
        self._index(name, now_ms + milliseconds(WRITTEN_WITHIN), ttl)
        names = [self._keys.deliveries(name.task_id), *self._keys.of_task(name.task_id)]
        if not self._scripts["redeliver"](keys=names, args=[name.field, read, text, milliseconds(ttl)]):
            return False
        self._index(name, now_ms, ttl)
        return True

    def _index(self, name: Name, at_ms: int, ttl: timedelta, *, if_absent: bool = False) -> None:
        with self._client.pipeline(transaction=False) as pipe:
            pipe.zadd(self._pending(name), {name.member: at_ms}, nx=if_absent)
            pipe.pexpire(self._pending(name), milliseconds(ttl))
            pipe.execute()

    @outages_named
    def try_again(self, name: Name, at_ms: int) -> None:
        self._client.zadd(self._pending(name), {name.member: at_ms}, xx=True)

    @outages_named
    def remove_if_score(self, name: Name, lease_ends_ms: int) -> None:
        """Take a delivery out of its index, unless it was enqueued again since the lease was taken."""
        args: list[str | int] = [name.member, lease_ends_ms]
        self._scripts["remove_if_score"](keys=[self._pending(name)], args=args)

    @outages_named
    def forget(self, gone: Iterable[StoredDelivery]) -> None:
        """Take those of a deleted task out of their indexes, unless they were enqueued again since."""
        for name, _, at_ms in gone:
            if at_ms is not None:
                self.remove_if_score(name, at_ms)

    @outages_named
    def of_task(self, task_id: str) -> list[StoredDelivery]:
        """All deliveries of a task."""
        found = cast(dict[bytes, bytes], self._client.hgetall(self._keys.deliveries(task_id)))
        if not found:
            return []
        names = [Name.read(f"{task_id}:{field.decode()}") for field in found]
        with self._client.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.zscore(self._pending(name), name.member)
            scores = pipe.execute()
        return [
            StoredDelivery(name, text.decode(), None if at is None else int(at))
            for name, text, at in zip(names, found.values(), scores, strict=True)
        ]

    @outages_named
    def pending_counts(self) -> dict[str, int]:
        """How many deliveries of each kind are still to be made."""
        names = {kind: self._task_shards.keys(self._keys.pending(kind)) for kind in KINDS}
        with self._client.pipeline(transaction=False) as pipe:
            for name in chain.from_iterable(names.values()):
                pipe.zcard(name)
            counts = iter(cast(list[int], pipe.execute()))
        return {kind: sum(islice(counts, len(names[kind]))) for kind in KINDS}
