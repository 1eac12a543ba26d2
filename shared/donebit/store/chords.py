"""Celery's chords in Redis: tasks whose size is known late, whose parts bring results, and which call a body.

The scripts of a chord also touch the index of chords to be called, which is in another slot: no cluster.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple, cast

from redis import Redis
from redis.commands.core import Script

from donebit.errors import ConfigurationError
from donebit.store.client import outages_named, scripts_of
from donebit.store.failures import ERRORS_KEPT
from donebit.store.key_names import Keys
from donebit.store.milliseconds import milliseconds
from donebit.store.server_client import CLUSTER, mode_of
from donebit.store.task_shards import TaskShards

MAX_OPEN_INDEX = 10_000_000  # a part with a larger index takes its step when the size is known


class ChordStatus(StrEnum):
    """What a script found a chord to be, or made of it."""

    OK = "ok"
    UNKNOWN = "unknown"  # no chord, or it has expired
    NEW = "new"
    SAME = "same"  # it is there, with this body
    KEPT = "kept"  # it runs, with another body until now
    TAKEN = "taken"  # its id is that of a task that is no chord
    KNOWN = "known"  # its size was known before
    ENDED = "ended"  # knowing the size has ended it
    LATE = "late"  # it had ended
    AGAIN = "again"  # the part had reported
    MORE = "more"  # every step is another part's


class Part(NamedTuple):
    """A part of a chord that has ended.

    Attributes:
        owner: eight bytes made of its id and index
        position: its index in the header; None for a part that has none
        result: as Celery encodes it
        error: as JSON; None for a part that succeeded
    """

    owner: bytes
    position: int | None
    result: bytes
    error: str | None = None


class OwnResult(NamedTuple):
    """A part's result as Celery stores it under the part's id.

    Attributes:
        key: which is Celery's, and the channel that it is announced on
        value: as Celery encodes it
        ttl_s: seconds; 0 for ever
    """

    key: str | bytes
    value: str | bytes
    ttl_s: int


class PartReported(NamedTuple):
    """What a report came to.

    Attributes:
        completed: the caller is to call the body
        stored: the part's own result is stored, and announced
        renewed: what is kept of the chord has its whole TTL again
    """

    status: ChordStatus
    completed: bool
    stored: bool
    renewed: bool


class Taken(StrEnum):
    """Whether the caller is to call a chord's body."""

    NO = "no"
    YES = "yes"
    PERHAPS_CALLED = "perhaps called"  # an earlier one died while it called it, or just afterwards


class ChordStore:
    """Every method but `ask_for_call` raises the client's own errors: Celery's backend retries by them.

    Each may be repeated after a lost answer, with the same token.
    """

    def __init__(self, client: Redis, scripts: Mapping[str, Script], keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._scripts = scripts

    @classmethod
    def over(cls, client: object, prefix: str) -> ChordStore:
        """The chords that any client of redis-py reaches.

        Raises:
            ConfigurationError: it reaches a node of a cluster, or keys that were copied from one.
        """
        reached, keys = cast(Redis, client), Keys(prefix)
        if mode_of(reached.connection_pool) == CLUSTER or TaskShards(reached, keys).count > 1:
            raise ConfigurationError(
                "result_backend names a node of a cluster, or keys copied from one, where Celery can keep "
                "neither results nor chords: name one Redis server"
            )
        return cls(reached, scripts_of(reached), keys)

    def start_chord(
        self, task_id: str, body_id: str, body: bytes, fields: Mapping[str, str | int], ttl: timedelta
    ) -> ChordStatus:
        """Make the task of a chord whose size is not known yet; `count` of the fields is a first guess."""
        names = [self._keys.bitmap(task_id), self._keys.record(task_id), *self._keys.of_chord(task_id)]
        names += [*self._keys.of_failures(task_id), self._keys.deliveries(task_id)]
        pairs = [item for pair in fields.items() for item in pair]
        args = [body_id, body, fields["count"], milliseconds(ttl), *pairs]
        return ChordStatus(text(self._scripts["start_chord"](keys=names, args=args)))

    def report_part(
        self,
        task_id: str,
        part: Part,
        token: str,
        lease: timedelta,
        *,
        now_ms: int,
        own: OwnResult | None = None,
    ) -> PartReported:
        """Set a part's bit and keep its result.

        Args:
            lease: how long the caller may take to call the body, if this was the last part
            own: stored with the bit, unless something is stored there already
        """
        body, results, owners, extras = self._keys.of_chord(task_id)
        names = [self._keys.bitmap(task_id), self._keys.record(task_id), self._keys.failed(task_id)]
        names += [self._keys.errors(task_id), results, owners, extras, body, self._keys.CHORDS]
        index = "" if part.position is None else part.position
        args = [task_id, token, part.owner, index, int(part.error is not None), part.result]
        args += [part.error or "", ERRORS_KEPT, milliseconds(lease), MAX_OPEN_INDEX, now_ms]
        if own:
            names, args = [*names, cast(str, own.key)], [*args, own.value, own.ttl_s]
        status, *others = cast(list[object], self._scripts["report_part"](keys=names, args=args))
        return PartReported(ChordStatus(text(status)), *map(bool, others))

    def seal_chord(self, task_id: str, size: int, token: str) -> ChordStatus:
        """Set how many parts the header has; ENDED when all of them have reported before."""
        _, _, owners, extras = self._keys.of_chord(task_id)
        names = [self._keys.bitmap(task_id), self._keys.record(task_id), self._keys.failed(task_id)]
        names += [owners, extras, self._keys.CHORDS]
        return ChordStatus(text(self._scripts["seal_chord"](keys=names, args=[task_id, size, token])))

    def add_part(self, task_id: str) -> ChordStatus:
        """Let a chord have one part more. Repeated, it has two."""
        names = [self._keys.bitmap(task_id), self._keys.record(task_id)]
        return ChordStatus(text(self._scripts["add_part"](keys=names, args=[])))

    def due(self, limit: int, beyond: int = 0) -> list[str]:
        """Ended chords whose body is to be called and that nobody is calling, by the server's clock.

        Args:
            beyond: how many of them are passed over, from the longest due on
        """
        seconds, microseconds = self._client.time()
        now_ms = int(seconds) * 1000 + int(microseconds) // 1000
        found = self._client.zrangebyscore(self._keys.CHORDS, 0, now_ms, start=beyond, num=limit)
        return [text(name) for name in cast(list[object], found)]

    def take_chord(self, task_id: str, token: str, lease: timedelta) -> Taken:
        """Let the caller call the body of an ended chord, for as long as the lease runs."""
        names = [self._keys.CHORDS, self._keys.record(task_id)]
        taken = self._scripts["take_chord"](keys=names, args=[task_id, token, milliseconds(lease)])
        return (Taken.NO, Taken.YES, Taken.PERHAPS_CALLED)[cast(int, taken)]

    def hold_chord(self, task_id: str, token: str, lease: timedelta) -> str | None:
        """Write down that the body is being called; the chord's nonce, or None when another may call it."""
        names = [self._keys.CHORDS, self._keys.record(task_id)]
        held = self._scripts["hold_chord"](keys=names, args=[task_id, token, milliseconds(lease)])
        return None if held is None else text(held)

    def close_chord(self, task_id: str, token: str) -> bool:
        """Write down that the body is called, and drop what was kept for it.

        Args:
            token: of the caller, or the chord's nonce where the body itself has begun
        """
        record, *others = self._keys.of_task(task_id)
        names = [record, *self._keys.of_chord(task_id), self._keys.CHORDS, self._keys.OPEN_TASKS, *others]
        return bool(self._scripts["close_chord"](keys=names, args=[task_id, token]))

    def call_now(self, task_id: str) -> None:
        """Let the lease of the caller of an ended chord run out."""
        self._client.zadd(self._keys.CHORDS, {task_id: 0}, xx=True)

    def record(self, task_id: str) -> dict[str, str]:
        """The record, empty where there is none."""
        found = cast(dict[object, object], self._client.hgetall(self._keys.record(task_id)))
        return {text(name): text(value) for name, value in found.items()}

    def body(self, task_id: str) -> bytes | None:
        """The signature that is to be called; None when it is called or has expired."""
        found = cast(object, self._client.get(self._keys.chord_body(task_id)))
        return None if found is None else raw(found)

    def results(self, task_id: str) -> list[bytes]:
        """What the parts returned, in the order they reported."""
        key = self._keys.chord_results(task_id)  # as bytes where the client decodes too: the ids are no text
        found = self._client.execute_command("LRANGE", key, 0, -1, NEVER_DECODE=True)  # type: ignore[no-untyped-call]  # the library leaves it untyped
        return cast(list[bytes], found)

    @outages_named
    def ask_for_call(self, task_id: str, ttl: timedelta) -> None:
        """Have the sweep call the body of a chord that ended in another way than by its parts."""
        with self._client.pipeline(transaction=False) as pipe:
            pipe.zadd(self._keys.CHORDS, {task_id: 0}, nx=True)
            pipe.pexpire(self._keys.CHORDS, milliseconds(ttl))
            pipe.execute()

    def drop(self, task_id: str) -> None:
        """Drop what is kept of a chord; nothing of a task that is none."""
        with self._client.pipeline(transaction=False) as pipe:
            pipe.unlink(*self._keys.of_chord(task_id))
            pipe.zrem(self._keys.CHORDS, task_id)
            pipe.execute()


@dataclass(frozen=True, slots=True)
class ChordIndexes:
    """The indexes of all tasks, for chords on a connection of Celery's, whose errors come as they are."""

    client: Redis
    keys: Keys

    @classmethod
    def over(cls, client: object, prefix: str) -> ChordIndexes:
        """The indexes that any client of redis-py reaches."""
        return cls(cast(Redis, client), Keys(prefix))

    def enter(self, task_id: str, created_us: int, look_ms: int, ttl: timedelta) -> None:
        """Enter a task among the open ones and all."""
        with self.client.pipeline(transaction=False) as pipe:
            pipe.zadd(self.keys.OPEN_TASKS, {task_id: look_ms})
            pipe.zadd(self.keys.ALL_TASKS, {task_id: created_us})
            for index in (self.keys.OPEN_TASKS, self.keys.ALL_TASKS):
                pipe.pexpire(index, milliseconds(ttl))
            pipe.execute()

    def due(self, until_ms: int, limit: int) -> list[str]:
        """Tasks among the open ones whose next look is due."""
        found = self.client.zrangebyscore(self.keys.OPEN_TASKS, 0, until_ms, start=0, num=limit)
        return [text(name) for name in cast(list[object], found)]

    def sample(self, until_us: int, limit: int) -> list[str]:
        """Some of the listed tasks, at random, of those created until then."""
        found = self.client.zrandmember(self.keys.ALL_TASKS, limit, withscores=True)
        flat = [
            one for item in cast(list[object], found) for one in (item if isinstance(item, list) else [item])
        ]
        # Celery's client may speak RESP3, which has them in pairs.
        pairs = zip(flat[::2], flat[1::2], strict=True)
        return [text(name) for name, created_us in pairs if float(text(created_us)) <= until_us]

    def tidy(self, task_ids: Sequence[str], next_look_ms: int) -> None:
        """Take out what is gone, and of the open ones the chords whose body is called."""
        with self.client.pipeline(transaction=False) as pipe:
            for task_id in task_ids:
                pipe.hmget(self.keys.record(task_id), "state", "chord", "called_at")
            records = pipe.execute()
            for task_id, (state, chord, called_at) in zip(task_ids, records, strict=True):
                if state is None:
                    pipe.zrem(self.keys.ALL_TASKS, task_id)
                if state is None or called_at:
                    pipe.zrem(self.keys.OPEN_TASKS, task_id)
                elif chord:
                    pipe.zadd(self.keys.OPEN_TASKS, {task_id: next_look_ms}, xx=True)
            pipe.execute()


def text(found: object) -> str:
    """A reply as text: a client of Celery's may decode them by itself."""
    return found.decode() if isinstance(found, bytes) else str(found)


def raw(found: object) -> bytes:
    """A reply, or what Celery encoded, as bytes."""
    return found if isinstance(found, bytes) else str(found).encode()
