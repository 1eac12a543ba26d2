"""A Celery chord as a task: a step for each part of its header, and a body to be called at the end."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import secrets
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import TypedDict

from donebit import clock
from donebit.completion.record import new_record
from donebit.completion.spec import TaskSpec
from donebit.completion.task import Task
from donebit.errors import Conflict
from donebit.exceptions import describe
from donebit.names import is_name
from donebit.store.chords import (
    ChordIndexes,
    ChordStatus,
    ChordStore,
    OwnResult,
    Part,
    PartReported,
    Taken,
    raw,
)
from donebit.utf8 import printable

__all__ = ["ChordStatus", "ChordTasks", "OwnResult", "Part", "PartReported", "Taken", "raw"]

PLAIN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SHORT_ID = 22  # characters: 16 bytes as base64, without its padding
FIRST_TEXT = ord("0")  # what is kept of a part begins with a digit or a sign, else with how long its index is
SUCCEEDED = b'[1,"%s","SUCCESS",'  # so begins, in JSON, the result of a part that succeeded
CHORD = "celery_chord"  # the parameter that tells a chord's task from others
FIRST_CHECK_AFTER = timedelta(seconds=60)
INDEX_MARGIN = timedelta(days=31)  # the indexes outlive what is in them
TIDIED_AT_ONCE = 100
MAX_ERROR_LENGTH = 500  # characters that are kept of an error


class ChordNames(TypedDict):
    """What a chord's task says of it: Celery's id of the group, and the name of the body's function."""

    group: str
    body: str


@dataclass(frozen=True, slots=True)
class ChordTasks:
    """The chords of one Celery application.

    What a connection of Celery's raises comes as it is; each method but `add_part` may be repeated then.
    """

    store: ChordStore
    indexes: ChordIndexes

    @classmethod
    def over(cls, client: object, prefix: str) -> ChordTasks:
        """The chords that a client of redis-py reaches, of the installation with this key prefix."""
        return cls(ChordStore.over(client, prefix), ChordIndexes.over(client, prefix))

    def start(
        self, names: ChordNames, body_id: str, body: bytes, *, expected: int, ttl: timedelta
    ) -> ChordStatus:
        """Make the task of a chord before its header is sent.

        Args:
            body: the signature to call, as the sweep can read it.
            expected: how many parts the header seems to have; its size is known later.
            ttl: how long it stays without progress, and after its end.
        """
        task_id = task_id_of(names["group"])
        now = clock.now()
        now_ms = clock.ms_since_epoch(now)
        look_ms = now_ms + FIRST_CHECK_AFTER // timedelta(milliseconds=1)
        # Before the task itself: a stale entry is harmless, a missing one is not.
        self.indexes.enter(task_id, int(now.timestamp() * 1e6), look_ms, ttl + INDEX_MARGIN)
        return self.store.start_chord(task_id, body_id, body, _fields(names, expected, now_ms, ttl), ttl)

    def report(
        self, group_id: str, part: Part, token: str, lease: timedelta, own: OwnResult | None = None
    ) -> PartReported:
        """Record that a part has ended, and store its own result; its first report counts."""
        now_ms = clock.now_ms()
        return self.store.report_part(task_id_of(group_id), part, token, lease, now_ms=now_ms, own=own)

    def seal(self, group_id: str, size: int) -> ChordStatus:
        """Set how many parts the header has; ENDED when all of them have reported before."""
        return self.store.seal_chord(task_id_of(group_id), size, new_token())

    def add_part(self, group_id: str) -> ChordStatus:
        """Let a chord have one part more. Repeated, it has two."""
        return self.store.add_part(task_id_of(group_id))

    def record(self, group_id: str) -> dict[str, str]:
        """The record of a chord's task, empty where there is none."""
        found = self.store.record(task_id_of(group_id))
        return found if "chord" in found else {}

    def results(self, group_id: str, *, by_index: bool) -> list[bytes]:
        """What the parts returned, as Celery orders it: by index, or as they were reported."""
        pairs = self.indexed_results(group_id)
        return [encoded for _, encoded in (sorted(pairs) if by_index else pairs)]

    def indexed_results(self, group_id: str) -> list[tuple[float, bytes]]:
        """What the parts returned, with their indexes, as they were reported; infinity for no index."""
        return [_read(kept) for kept in self.store.results(task_id_of(group_id))]

    def hold(self, group_id: str, token: str, lease: timedelta) -> str | None:
        """Write down that the body is being called; the chord's nonce, or None when another may call it."""
        return self.store.hold_chord(task_id_of(group_id), token, lease)

    def close(self, group_id: str, token: str) -> bool:
        """Write down that the body is called, and drop what was kept; by the nonce, that it has begun."""
        return self.store.close_chord(task_id_of(group_id), token)

    def take(self, task_id: str, token: str, lease: timedelta) -> Taken:
        """Let the caller call the body of an ended chord, for as long as the lease runs."""
        return self.store.take_chord(task_id, token, lease)

    def body(self, task_id: str) -> tuple[str, bytes] | None:
        """The group and the body of an ended chord; None when it is gone."""
        text, record = self.store.body(task_id), self.store.record(task_id)
        if text is None or not record:
            return None
        return str(json.loads(record["order"])["params"][CHORD]["group"]), text

    def tidy(self) -> None:
        """Prune the indexes of what is gone, and of chords that are called: no worker of Donebit may run."""
        now_ms = clock.now_ms()
        settled_us = (now_ms - 60_000) * 1000  # a task is entered a moment before its record is written
        names = [*self.indexes.due(now_ms, TIDIED_AT_ONCE), *self.indexes.sample(settled_us, TIDIED_AT_ONCE)]
        self.indexes.tidy(names, now_ms + FIRST_CHECK_AFTER // timedelta(milliseconds=1))

    def call_now(self, task_id: str) -> None:
        """Let the lease of the caller of an ended chord run out."""
        self.store.call_now(task_id)

    def forget(self, task_id: str) -> None:
        """Drop what is kept of a chord that has no body to call."""
        self.store.drop(task_id)

    def due(self, limit: int, *, beyond: int = 0) -> list[str]:
        """The tasks of ended chords whose body is to be called and that nobody is calling.

        Args:
            beyond: how many of them are passed over, from the longest due on
        """
        return self.store.due(limit, beyond)


def task_id_of(group_id: str) -> str:
    """The id of a chord's task: that of Celery's group, unless it is no valid name."""
    if is_name(group_id):
        return group_id
    return f"chord-{hashlib.sha256(printable(group_id).encode()).hexdigest()[:32]}"


def part_of(part_id: str, index: int | None, encoded: bytes, error: object | None = None) -> Part:
    """A part that has ended.

    Args:
        index: in the header; None for a part that has none
        encoded: its result as Celery encodes it
        error: None for a part that succeeded
    """
    # Of both, since the parts at the end of one chain share an index, and a signature that a header has twice
    # has one id.
    whose = f"{part_id}:{index}".encode(errors="replace")
    owner = hashlib.blake2b(whose, digest_size=8).digest()
    kept = _written(part_id, index, encoded)
    return Part(owner, index, kept, None if error is None else error_text(error))


def _written(part_id: str, index: int | None, encoded: bytes) -> bytes:
    """What is kept of a part: its index, and its result without what is the same for all of them."""
    head = SUCCEEDED % part_id.encode(errors="replace")
    if PLAIN_ID.fullmatch(part_id) and encoded.startswith(head) and encoded.endswith(b"]"):
        at = b"" if index is None else index.to_bytes(-(-index.bit_length() // 8) or 1)
        return b"%c%s%s%s" % (len(at), at, uuid.UUID(part_id).bytes, encoded[len(head) : -1])
    return b"%s:%s" % (b"" if index is None else b"%d" % index, encoded)


def _read(kept: bytes) -> tuple[float, bytes]:
    """The index of a part, infinity for none, and its result as Celery encodes it."""
    width = kept[0]
    if width >= FIRST_TEXT:
        return _read_text(kept)
    at, part_id, rest = kept[1 : 1 + width], kept[1 + width : 17 + width], kept[17 + width :]
    encoded = b"%s%s]" % (SUCCEEDED % str(uuid.UUID(bytes=part_id)).encode(), rest)
    return float(int.from_bytes(at)) if width else math.inf, encoded


def _read_text(kept: bytes) -> tuple[float, bytes]:
    """The same of a part whose result is kept whole, or by an earlier version, its id as base64."""
    digits = len(kept) - len(kept.lstrip(b"0123456789"))
    index, sign, rest = kept[:digits], kept[digits : digits + 1], kept[digits + 1 :]
    if sign == b";":
        part_id = str(uuid.UUID(bytes=base64.b64decode(rest[:SHORT_ID] + b"==")))
        rest = b"%s%s]" % (SUCCEEDED % part_id.encode(), rest[SHORT_ID:])
    return float(index) if index else math.inf, rest


def error_text(error: object) -> str:
    """A part's error as JSON."""
    text = describe(error) if isinstance(error, BaseException) else str(error)
    return json.dumps(printable(text[:MAX_ERROR_LENGTH]))


def new_token() -> str:
    """A token for a call, the same however often it is repeated."""
    return secrets.token_hex(16)


def is_chord(spec: TaskSpec) -> bool:
    """Whether a task counts a Celery chord."""
    return spec.job is None and CHORD in spec.params


def ask_for_body(store: ChordStore, task: Task) -> None:
    """Have a sweep call the body of a chord that its last part has not ended; other tasks have none."""
    if is_chord(task.spec):
        store.ask_for_call(task.id, task.open_ttl)


def refuse_change(task: Task, change: str) -> None:
    """Refuse what only the program that applied a chord can do.

    Args:
        change: what is not to be done to a chord, as a participle

    Raises:
        Conflict: the task counts a Celery chord.
    """
    if is_chord(task.spec):
        raise Conflict(why_unchangeable(task, change))


def why_unchangeable(task: Task, change: str) -> str:
    """The sentence of `refuse_change`."""
    return f"task {task.id} counts a Celery chord, which cannot be {change}: apply a new one"


def _fields(names: ChordNames, expected: int, now_ms: int, ttl: timedelta) -> dict[str, str | int]:
    label = names["body"] if is_name(names["body"]) else None
    return new_record(TaskSpec(expected, params={CHORD: dict(names)}, label=label), now_ms, ttl, ttl)
