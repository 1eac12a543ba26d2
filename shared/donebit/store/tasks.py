"""Tasks in Redis: one method an operation, and the Lua script of its name where it must be atomic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple, cast

from redis import Redis
from redis.commands.core import Script
from redis.exceptions import NoScriptError, RedisError

from donebit import clock
from donebit.store.answers import (
    MarkStepsResult,
    Noted,
    ProbeDecision,
)
from donebit.store.client import answer_to, as_outage, outages_named
from donebit.store.items import ItemChunk
from donebit.store.key_names import Keys
from donebit.store.milliseconds import milliseconds
from donebit.store.pipelining import each_answer_to
from donebit.store.step_marks import (
    ScriptCall,
    StepMark,
    mark_steps_call,
    mark_steps_result,
    of_failures,
    wants_keys,
)

Fields = Mapping[str, str | int]


class StoredTask(NamedTuple):
    """A task at one moment: its record, and what the rule's two commands say of its bitmap."""

    record: dict[str, str]
    first_gap: int  # BITPOS key 0
    set_bits: int  # BITCOUNT key


class TaskStore:
    """Everything a task keeps in Redis.

    Every method raises StoreUnavailable when the server cannot be reached or does not answer in time.
    """

    def __init__(self, client: Redis, scripts: Mapping[str, Script], keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._scripts = scripts

    @outages_named
    def start_task(
        self,
        task_id: str,
        count: int | None,
        fields: Fields,
        ttl: timedelta,
        items: Sequence[ItemChunk] = (),
    ) -> str | None:
        """Make the task; None when made, else the order that made the one which exists.

        Args:
            count: where its end marker is set; None for a task that is done at once, and has none
            items: of its steps, where they have some
        """
        args = [*start_arguments(count, fields, ttl), *_with_first_steps(items)]
        found = self._scripts["start_task"](keys=start_names(self._keys, task_id), args=args)
        return None if found is None else cast(bytes, found).decode()

    @outages_named
    def mark_steps(
        self,
        task_id: str,
        steps: Sequence[int],
        ranges: Sequence[tuple[int, int]],
        *,
        now_ms: int,
        token: str,
        nonce: str = "",
        reply_key: str | None = None,
    ) -> MarkStepsResult:
        """Set the bits of these steps and of these half-open ranges, atomically.

        Args:
            token: of this call: the same again hears again that it completed the task
            nonce: of the task meant; empty for any under this id. With a slash and its run: the task's failed
                end is announced and the task among the open ones, so this report may make it done.
            reply_key: what the answer is kept under
        """
        names, args = mark_steps_call(
            self._keys, StepMark(task_id, steps, ranges, now_ms, token, nonce, reply_key)
        )
        answer = self._run("mark_steps", names, args)
        if wants_keys(answer):  # most tasks never need them, and every key costs every call
            answer = self._run("mark_steps", [*names, *of_failures(self._keys, task_id)], args)
        return mark_steps_result(answer)

    @outages_named
    def mark_each(self, marks: Sequence[StepMark]) -> list[MarkStepsResult | Exception]:
        """What `mark_steps` does, for many reports that know nothing of each other, in one round trip.

        Returns:
            What became of each; in place of one that failed, perhaps after it was recorded, the error.
        """
        script = self._scripts["mark_steps"]
        calls = [mark_steps_call(self._keys, one) for one in marks]
        answers = self._answers(script, calls)
        incomplete = [place for place, answer in enumerate(answers) if wants_keys(answer)]
        if incomplete:
            wanting = [(calls[place], marks[place].task_id) for place in incomplete]
            whole = [
                ([*names, *of_failures(self._keys, task_id)], args) for (names, args), task_id in wanting
            ]
            for place, answer in zip(incomplete, self._answers(script, whole), strict=True):
                answers[place] = answer
        return [
            (as_outage(one) or one) if isinstance(one, RedisError) else mark_steps_result(one)
            for one in answers
        ]

    def _answers(self, script: Script, calls: Sequence[ScriptCall]) -> list[Any]:
        commands = [("EVALSHA", script.sha, len(names), *names, *args) for names, args in calls]
        return each_answer_to(self._client, commands, script)

    @outages_named
    def recount_task(
        self, task_id: str, *, now_ms: int, token: str, nonce: str, prepared_run: int = 0
    ) -> MarkStepsResult:
        """Count what is left from the bitmap itself, and end the task if nothing is.

        Args:
            token: of this call: the same again hears again that it completed the task
            nonce: of the task meant
            prepared_run: of a failed task whose end is announced and which is among the open ones again
        """
        names = [self._keys.bitmap(task_id), self._keys.record(task_id), *of_failures(self._keys, task_id)]
        answer = self._scripts["recount_task"](keys=names, args=[now_ms, token, nonce, prepared_run])
        return MarkStepsResult.of(*answer)

    @outages_named
    def update_record(
        self, task_id: str, nonce: str, run: int, fields: Fields, *, pauses: int | None = None
    ) -> bool:
        """Write fields into the record, unless that task is gone or in another run.

        Args:
            pauses: how often it has been paused, so that nothing is written if it was since; None for any

        Returns:
            whether they were written
        """
        pairs = [item for pair in fields.items() for item in pair]
        args = [nonce, run, "" if pauses is None else pauses, *pairs]
        return bool(self._scripts["update_record"](keys=[self._keys.record(task_id)], args=args))

    @outages_named
    def take_fan_out(self, task_id: str, nonce: str, *, now_ms: int, lease: timedelta) -> bool:
        args: list[str | int] = [nonce, now_ms, milliseconds(lease)]
        return bool(self._scripts["take_fan_out"](keys=[self._keys.record(task_id)], args=args))

    @outages_named
    def take_announcement(self, task_id: str, *, now_ms: int, lease: timedelta) -> dict[str, str] | None:
        """The record as it ended, for the one who is to announce it; None for everybody else."""
        args = [now_ms, milliseconds(lease)]
        pairs = cast(
            list[bytes] | None,
            self._scripts["take_announcement"](keys=self._keys.of_task(task_id), args=args),
        )
        return None if pairs is None else decoded(dict(zip(pairs[::2], pairs[1::2], strict=True)))

    @outages_named
    def note_announced(
        self, task_id: str, nonce: str, run: int, *, now_ms: int, least_life: timedelta
    ) -> Noted:
        """Write down that its end is announced."""
        args: list[str | int] = [nonce, run, now_ms, milliseconds(least_life)]
        return Noted(self._scripts["note_announced"](keys=self._keys.of_task(task_id), args=args))

    @outages_named
    def release_task(self, task_id: str, nonce: str) -> None:
        """Let an announced task expire as ended tasks do, if all deliveries of its ends are settled."""
        record, *others = self._keys.of_task(task_id)
        names = [record, self._keys.deliveries(task_id), *others]
        self._scripts["release_task"](keys=names, args=[nonce])

    @outages_named
    def take_probe(
        self, task_id: str, *, now_ms: int, limit: int, looks_apart: timedelta, held: str = ""
    ) -> ProbeDecision:
        """Whether the caller is to ask the queue about a running task, which has not moved for a while.

        Args:
            held: `some` when living processes run steps of it, `all` when they run all that are missing
        """
        args: list[str | int] = [now_ms, limit, milliseconds(looks_apart), held, milliseconds(clock.SET_BACK)]
        answer = self._scripts["take_probe"](keys=self._keys.of_task(task_id), args=args)
        return ProbeDecision(cast(bytes, answer).decode())

    @outages_named
    def get(self, task_id: str) -> StoredTask | None:
        """The record and both readings of the bitmap at one moment; None without a record."""
        asked_at = clock.monotonic()
        with self._client.pipeline(transaction=True) as pipe:
            pipe.hgetall(self._keys.record(task_id))
            pipe.bitpos(self._keys.bitmap(task_id), 0)
            pipe.bitcount(self._keys.bitmap(task_id))
            pipe.time()
            record, first_gap, set_bits, (seconds, microseconds) = pipe.execute()
        clock.follow(seconds * 1_000_000 + microseconds, asked_at)
        return StoredTask(decoded(record), first_gap, set_bits) if record else None

    @outages_named
    def records(self, task_ids: Iterable[str]) -> list[dict[str, str]]:
        """Each task's record, empty where there is none, in the order asked."""
        with self._client.pipeline(transaction=False) as pipe:
            for task_id in task_ids:
                pipe.hgetall(self._keys.record(task_id))
            return [decoded(record) for record in pipe.execute()]

    @outages_named
    def bitmap_bytes(self, task_id: str, start: int, stop: int) -> bytes:
        """Bytes `start` to `stop` (half open) of the bitmap, shorter where it ends; empty when it is gone."""
        return cast(bytes, self._client.getrange(self._keys.bitmap(task_id), start, stop - 1))

    def _run(self, name: str, names: Sequence[str], args: Sequence[str | int]) -> object:
        """What redis-py's Script does, by the short way: one step is a report of its own often enough."""
        script = self._scripts[name]
        try:
            return answer_to(self._client, "EVALSHA", script.sha, len(names), *names, *args)
        except NoScriptError:
            return script(keys=names, args=args)  # which loads it


def start_names(keys: Keys, task_id: str) -> list[str]:
    """The keys that a start is given: those that it makes, and what an expired task may have left."""
    return [
        keys.bitmap(task_id),
        keys.record(task_id),
        keys.items(task_id),
        *keys.of_failures(task_id),
        keys.deliveries(task_id),
        keys.leases(task_id),
        keys.results(task_id),
    ]


def start_arguments(count: int | None, fields: Fields, ttl: timedelta) -> list[str | int]:
    """What a start is given beside keys and items: where the end marker is set, the TTL, and the record."""
    pairs = [item for pair in fields.items() for item in pair]
    return ["" if count is None else count, milliseconds(ttl), len(pairs), *pairs]


def _with_first_steps(chunks: Sequence[ItemChunk]) -> list[int | bytes]:
    """The first step of each chunk, and the chunk."""
    args: list[int | bytes] = []
    first = 0
    for chunk in chunks:
        args += [first, chunk.data]
        first += chunk.steps
    return args


def decoded(record: Mapping[bytes, bytes]) -> dict[str, str]:
    return {field.decode(): value.decode() for field, value in record.items()}
